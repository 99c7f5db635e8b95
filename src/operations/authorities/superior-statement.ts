import { combineMetadataPolicies, type EntityStatement, type Finding, finding, type Result } from '../../federation/entry.js';
import { statedBy } from '../../resolver/stated-by.js';
import type { Deployment } from '../call.js';
import type { ListedKeys, Questions } from '../explorer.js';
import { asErrors, asWarnings, type Judged } from '../judged.js';
import { statementSource } from '../resolving/statement-source.js';

/** What a superior states about an authority of ours now, verified; undefined when it has no fetch endpoint. */
async function statementAbove(deployment: Deployment, superior: string, subject: string): Promise<Result<EntityStatement | undefined>> {
  const stated = await statedBy(statementSource(deployment), superior, subject, { now: deployment.now(), development: deployment.development });
  return !stated.ok && stated.findings.some(({ code }) => code === 'endpoint_missing') ? { ok: true, value: undefined } : stated;
}

/** A finding about a claim names no entity: with several superiors nobody would know whose it is. */
const whereAt = (superior: string, where: string): string => (where.includes(superior) ? where : `${superior} ${where}`);

/** Keys a superior lists for us. */
export async function listedKeys(deployment: Deployment, { superior, subject }: Questions['listedKeys']['asked']): Promise<ListedKeys | undefined> {
  const statement = await statementAbove(deployment, superior, subject);
  if (!statement.ok || !statement.value) return undefined;
  const { jwks, exp, iat } = statement.value.claims;
  return { kids: jwks.keys.map(({ kid }) => kid), lifetime: exp - iat };
}

/** Operators of both that merge only while they are equal: whoever changes one of the two breaks every chain below. */
function equalToday(above: unknown, below: unknown, superior: string): readonly Finding[] {
  const about = (policy: unknown) =>
    Object.entries((policy ?? {}) as Record<string, Record<string, object>>).flatMap(([type, parameters]) =>
      Object.entries(parameters).flatMap(([parameter, operators]) =>
        ['default', 'value'].filter((name) => Object.hasOwn(operators, name)).map((name) => `${type}/${parameter}/${name}`),
      ),
    );
  const ours = new Set(about(below));
  return about(above)
    .filter((place) => ours.has(place))
    .map((place) =>
      finding('default_above_leaf', `${superior} ${place}`, 'the superior says the same today; when one of the two changes, every chain below is invalid'),
    );
}

/**
 * Faults of a policy under the one a superior's statement lays on us (OpenID Federation 1.0 §6.1.4.1). A superior that cannot be
 * read now is a warning: tightening must not depend on somebody else's server.
 */
export async function policyUnder(deployment: Deployment, { superior, subject, policy }: Questions['policyUnder']['asked']): Promise<readonly Judged[]> {
  const statement = await statementAbove(deployment, superior, subject);
  if (!statement.ok)
    return asWarnings(
      statement.findings.map((one) => ({
        ...one,
        where: whereAt(superior, one.where),
        detail: `${one.detail}; the policy was not compared with this superior's`,
      })),
    );
  const above = statement.value?.claims.metadata_policy;
  if (!above) return [];
  const merged = combineMetadataPolicies([above, policy]);
  return merged.ok ? asWarnings(equalToday(above, policy, superior)) : asErrors(merged.findings.map((one) => ({ ...one, where: `${superior} ${one.where}` })));
}
