import { combineMetadataPolicies, type EntityStatement, parseEntityStatement, type Result } from '../../federation/entry.js';
import type { Deployment } from '../call.js';
import type { ListedKeys, Questions } from '../explorer.js';
import { asErrors, asWarnings, type Judged } from '../judged.js';
import { statementSource } from '../resolving/statement-source.js';

/** What a superior states about an authority of ours now; undefined when it has no fetch endpoint. */
async function statementAbove(deployment: Deployment, superior: string, subject: string): Promise<Result<EntityStatement | undefined>> {
  const source = statementSource(deployment);
  const options = { now: deployment.now(), development: deployment.development };
  const configuration = await source.configuration(superior);
  if (!configuration.ok) return configuration;
  const above = parseEntityStatement(configuration.value, { ...options, subject: superior });
  if (!above.ok) return above;
  const fetchEndpoint = above.value.claims.metadata?.['federation_entity']?.['federation_fetch_endpoint'];
  if (typeof fetchEndpoint !== 'string') return { ok: true, value: undefined };
  const compact = await source.statement({ entityId: superior, fetchEndpoint }, subject);
  return compact.ok ? parseEntityStatement(compact.value, { ...options, subject }) : compact;
}

/** Keys a superior lists for us. */
export async function listedKeys(deployment: Deployment, { superior, subject }: Questions['listedKeys']['asked']): Promise<ListedKeys | undefined> {
  const statement = await statementAbove(deployment, superior, subject);
  if (!statement.ok || !statement.value) return undefined;
  const { jwks, exp, iat } = statement.value.claims;
  return { kids: jwks.keys.map(({ kid }) => kid), lifetime: exp - iat };
}

/**
 * Faults of a policy under the one a superior's statement lays on us (OpenID Federation 1.0 §6.1.4.1). A superior that cannot be
 * read now is a warning: tightening must not depend on somebody else's server.
 */
export async function policyUnder(deployment: Deployment, { superior, subject, policy }: Questions['policyUnder']['asked']): Promise<readonly Judged[]> {
  const statement = await statementAbove(deployment, superior, subject);
  if (!statement.ok)
    return asWarnings(statement.findings.map((one) => ({ ...one, detail: `${one.detail}; the policy was not compared with this superior's` })));
  const above = statement.value?.claims.metadata_policy;
  if (!above) return [];
  const merged = combineMetadataPolicies([above, policy]);
  return merged.ok ? [] : asErrors(merged.findings.map((one) => ({ ...one, where: `${superior} ${one.where}` })));
}
