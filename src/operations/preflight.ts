import {
  applyMetadataPolicy,
  checkMetadata,
  checkProfile,
  type EntityStatement,
  type Finding,
  finding,
  type JwkSet,
  type Metadata,
  missingParameters,
  parseEntityId,
  parseJwkSet,
  type ProfileFinding,
  readDraftEra,
  validateEntityConfiguration,
} from '../federation/entry.js';
import { superiorConfigurations } from '../resolver/profile-evidence.js';
import { allow, type Call, type Deployment } from './call.js';
import { profileNamed } from './check-authority.js';
import { findAuthority, publishedPolicy } from './registry.js';
import { Refusal } from './refusal.js';
import { statementSource } from './statement-source.js';

/** What pre-flight found out. Warnings do not stop an enrolment: the entity can mend them afterwards. */
export interface Preflight {
  readonly entityId: string;
  readonly source: 'fetched' | 'uploaded';
  /** Errors first. */
  readonly findings: readonly (Finding & { readonly severity: 'error' | 'warning' })[];
  readonly entityTypes: readonly string[];
  readonly intermediate: boolean;
  readonly jwks: JwkSet | null;
  readonly iat: number | null;
  readonly metadata: Metadata | null;
}

const WARNINGS: ReadonlySet<string> = new Set(['authority_hint_missing', 'metadata_invalid', 'draft_era']);

/**
 * Check an entity against our rules; changes nothing. One rule set for applicants, enrolment and monitoring.
 * @param configuration the entity's own configuration; fetched from the entity when absent
 * @param profile name of a profile to check against as well
 */
export async function preflight(call: Call, slug: string, entityId: string, configuration?: string, profile?: string): Promise<Preflight> {
  allow(call, 'read', slug);
  const authority = await findAuthority(call.store.db, slug);
  const id = parseEntityId(entityId, call);
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
  const rules = profile === undefined ? undefined : profileNamed(profile);
  if (!id.ok) return report(id.findings);
  if (entityId === authority.entityId) throw new Refusal('invalid_request', 'an authority is not its own member');
  const source = statementSource(call, { superiors: [authority.entityId] });
  const options = { now: call.now(), development: call.development };
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
  return report([...(await judge(call, authority, statement.value)), ...more], describe(statement.value));
}

function describe({ claims }: EntityStatement): Partial<Preflight> {
  const metadata = claims.metadata ?? {};
  return {
    entityTypes: Object.keys(metadata),
    intermediate: metadata['federation_entity']?.['federation_fetch_endpoint'] !== undefined,
    jwks: claims.jwks,
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
  const keys = parseJwkSet(claims.jwks);
  if (!keys.ok) findings.push(...keys.findings);
  if (!claims.authority_hints?.includes(authority.entityId as never)) {
    findings.push(finding('authority_hint_missing', 'authority_hints', `${authority.entityId} is not among them; until it is, no chain validates`));
  }
  const metadata = claims.metadata ?? {};
  const intermediate = metadata['federation_entity']?.['federation_fetch_endpoint'] !== undefined;
  findings.push(...checkMetadata(metadata, { entityId: claims.sub, development: call.development, ...(intermediate && { hasSubordinates: true }) }));
  findings.push(...missingParameters(metadata));
  const policy = await publishedPolicy(call.store.db, authority.id);
  // Policy reaches an intermediate's subordinates through the chain; what it does to the intermediate itself is judged here too.
  const applied = policy && applyMetadataPolicy(policy.policy, metadata);
  if (applied && !applied.ok) findings.push(...applied.findings);
  return findings;
}
