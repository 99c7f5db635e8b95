import {
  applyMetadataPolicy,
  checkMetadata,
  checkProfile,
  type EntityStatement,
  type Finding,
  finding,
  missingParameters,
  parseEntityId,
  type ProfileFinding,
  readDraftEra,
  usableKeys,
  validateEntityConfiguration,
} from '../../federation/entry.js';
import { superiorConfigurations } from '../../resolver/profile-evidence.js';
import { allow, type Call, type Deployment } from '../call.js';
import { profileNamed } from '../authorities/check-authority.js';
import type { Preflight, Questions } from '../explorer.js';
import { keysLeftOut } from '../judged.js';
import { findAuthority, publishedPolicy } from '../registry.js';
import { Refusal } from '../refusal.js';
import { otherSpellings, respelledFindings, spellingsOf } from './respelled.js';
import { sharedKeys } from './shared-keys.js';
import { statementSource } from '../resolving/statement-source.js';

const WARNINGS: ReadonlySet<string> = new Set(['authority_hint_missing', 'metadata_invalid', 'draft_era']);

/**
 * Check an entity against our rules; changes nothing. One rule set for applicants, enrolment and monitoring.
 * @param configuration the entity's own configuration; fetched from the entity when absent
 * @param profile name of a profile to check against as well
 * @throws Refusal invalid_request, temporarily_unavailable
 */
export async function preflight(call: Call, slug: string, entityId: string, configuration?: string, profile?: string): Promise<Preflight> {
  allow(call, 'probe', slug);
  const authority = await findAuthority(call.store.db, slug);
  if (profile !== undefined) profileNamed(profile);
  if (entityId === authority.entityId) throw new Refusal('invalid_request', 'an authority is not its own member');
  return call.explorer.ask('preflight', { slug, entityId, configuration, profile });
}

/** The reading half of pre-flight, where strangers are read. */
export async function preflightNow(
  deployment: Deployment,
  { slug, entityId, configuration, profile, own }: Questions['preflight']['asked'],
): Promise<Preflight> {
  const authority = await findAuthority(deployment.store.db, slug);
  const blank = {
    entityId,
    source: configuration === undefined ? ('fetched' as const) : ('uploaded' as const),
    entityTypes: [],
    intermediate: false,
    jwks: null,
    iat: null,
    metadata: null,
  };
  const report = (findings: readonly Finding[], more: Partial<Preflight> = {}): Preflight => ({
    ...blank,
    ...more,
    findings: findings
      .map((one) => ({
        ...one,
        severity: 'severity' in one ? (one as ProfileFinding).severity : WARNINGS.has(one.code) ? ('warning' as const) : ('error' as const),
      }))
      .sort((a, b) => (a.severity < b.severity ? -1 : a.severity > b.severity ? 1 : 0)),
  });
  const id = parseEntityId(entityId, deployment);
  if (!id.ok) return report(id.findings);
  const rules = profile === undefined ? undefined : profileNamed(profile);
  const source = statementSource(deployment, { superiors: [authority.entityId] });
  const options = { now: deployment.now(), development: deployment.development };
  const compact = configuration === undefined ? await source.configuration(entityId) : ({ ok: true, value: configuration } as const);
  if (!compact.ok) return report(compact.findings);
  const statement = await validateEntityConfiguration(compact.value, { ...options, subject: entityId });
  const profiled = async (one: EntityStatement) =>
    rules ? checkProfile(rules, one, { superiors: await superiorConfigurations(one, [rules], { source, ...options }) }) : [];
  if (!statement.ok) {
    const old = rules?.reads_draft_era ? await readDraftEra(compact.value, { ...options, subject: entityId }) : undefined;
    return report(old?.ok ? [...statement.findings, ...old.value.shapes, ...(await profiled(old.value.statement))] : statement.findings);
  }
  const more = await profiled(statement.value);
  const { db } = deployment.store;
  const { jwks } = describe(statement.value);
  if (own) return report([...(await judge(deployment, authority, statement.value)), ...more], describe(statement.value));
  const shared = jwks ? ((await sharedKeys(db, authority, [{ entityId, jwks }])).get(entityId) ?? []) : [];
  const respelled = respelledFindings(otherSpellings(await spellingsOf(db, authority.id, [entityId]), entityId));
  return report([...(await judge(deployment, authority, statement.value)), ...shared, ...respelled, ...more], describe(statement.value));
}

function describe({ claims }: EntityStatement): Partial<Preflight> {
  const metadata = claims.metadata ?? {};
  const keys = usableKeys(claims.jwks);
  return {
    entityTypes: Object.keys(metadata),
    intermediate: metadata['federation_entity']?.['federation_fetch_endpoint'] !== undefined,
    jwks: keys.ok ? keys.value.jwks : null,
    iat: claims.iat,
    metadata,
  };
}

/** A configuration that is sound in itself, against what membership asks of it. */
export async function judge(
  call: Pick<Deployment, 'store' | 'development'>,
  authority: { readonly id: string; readonly entityId: string },
  { claims }: EntityStatement,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const keys = usableKeys(claims.jwks);
  findings.push(...(keys.ok ? keysLeftOut(keys.value.ignored) : keys.findings));
  if (!claims.authority_hints?.includes(authority.entityId as never)) {
    findings.push(finding('authority_hint_missing', 'authority_hints', `${authority.entityId} is not among them; until it is, no chain validates`));
  }
  const metadata = claims.metadata ?? {};
  const intermediate = metadata['federation_entity']?.['federation_fetch_endpoint'] !== undefined;
  const policy = await publishedPolicy(call.store.db, authority.id);
  // Policy reaches an intermediate's subordinates through the chain; what it does to the intermediate itself is judged here too.
  const applied = policy && applyMetadataPolicy(policy.policy, metadata);
  const rules = { entityId: claims.sub, development: call.development };
  // What a validator looks at, after policy (§6.1.4.2): one fault there, and no chain of the entity validates.
  const fatal = checkMetadata(applied?.ok ? applied.value : metadata, rules).map(({ where }) => where);
  for (const one of checkMetadata(metadata, { ...rules, ...(intermediate && { hasSubordinates: true }) }))
    findings.push(fatal.includes(one.where) ? { ...one, detail: `${one.detail}; until it is mended, no chain validates` } : one);
  findings.push(...missingParameters(metadata));
  if (applied && !applied.ok) findings.push(...applied.findings);
  return findings;
}
