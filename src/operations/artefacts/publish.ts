import { eq } from 'drizzle-orm';
import {
  type Constraints,
  type Entitlement,
  ENTITLEMENT_VERSION,
  entityConfigurationUrl,
  limits,
  mediaTypes,
  type Metadata,
  NOT_BEFORE,
  POLICY_VERSION,
  type Result,
  signEntityConfiguration,
  signHistoricalKeys,
  type Signer,
  signSubordinateStatement,
  type SigningAlgorithm,
  SIGNING_ALGORITHMS,
  VOUCHED_ISSUERS,
} from '../../federation/entry.js';
import { historicalKeys, publishedKeys } from '../../keys/life-cycle.js';
import { sha256 } from '../../keys/random.js';
import type { NewArtefact } from '../../store/bulk.js';
import { bundlesOf } from '../../store/bundles.js';
import { AUTHORITY_ENDPOINTS, ENDPOINT_PATHS, ownTrustMark } from '../../store/schema.js';
import type { Deployment } from '../call.js';
import { expectTrustedClock } from '../clock/trusted-clock.js';
import { aboveOf } from '../../store/agent-authorities.js';
import { ceilingOf } from '../agents/ceiling.js';
import { type Bundles, policyAbout, underCeiling } from '../entitlements/effective.js';
import { fromCustody } from '../keys/from-custody.js';
import { areCertified, keysUntil } from '../../keys/certificates.js';
import { endOfMember } from '../members/member-end.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { statusIn } from '../status/status-claim.js';
import { expectConfirmed } from './expect-confirmed.js';
import { legibleKeys, tellableKeys } from './legible-keys.js';
import { type AuthorityKeyRow, type AuthorityRow, authorityKeys, type MemberRow, type PolicyRow, publishedPolicy } from '../registry.js';

/** Everything an authority's artefacts are made of, read once per operation or slice. */
export interface Issuer {
  readonly authority: AuthorityRow;
  readonly keys: readonly AuthorityKeyRow[];
  readonly policy: PolicyRow | undefined;
  readonly bundles: Bundles;
  /** What is said above of an authority for agents: no statement of it says more. Undefined: of others, or nothing limits it. */
  readonly ceiling?: readonly Entitlement[] | undefined;
  /** Of an authority for agents: when something above it came back last. */
  readonly cameBack?: number | null | undefined;
  readonly signer: Signer;
}

/**
 * Find what is needed to sign for an authority.
 * @throws Refusal wrong_state when it has no active key or is halted
 * @throws Refusal not_confirmed after a restore, temporarily_unavailable while the clock is not trusted
 * @throws CustodyAway
 */
export async function issuerOf(
  deployment: Deployment,
  authority: AuthorityRow,
  changed: { keys?: readonly AuthorityKeyRow[]; policy?: PolicyRow } = {},
): Promise<Issuer> {
  await expectTrustedClock(deployment);
  if (authority.state !== 'active') throw new Refusal('wrong_state', `the authority ${authority.slug} is ${authority.state}; nothing is signed`);
  await expectConfirmed(deployment);
  const keys = changed.keys ?? (await authorityKeys(deployment.store.db, authority.id));
  const active = keys.find(({ state }) => state === 'active');
  if (!active) throw new Refusal('wrong_state', `the authority ${authority.slug} has no active key`);
  const signer = await fromCustody(deployment.custody).signer({ ...active, alg: active.alg as SigningAlgorithm });
  const { db } = deployment.store;
  const [policy, bundles] = await Promise.all([changed.policy ?? publishedPolicy(db, authority.id), bundlesOf(db, authority.id)]);
  const forAgents = authority.agentsOf !== null;
  const ceiling = forAgents ? await ceilingOf(db, authority) : undefined;
  const cameBack = forAgents ? (await aboveOf(db, authority.id)).back : null;
  return { authority, keys, policy, bundles, ceiling, cameBack, signer };
}

/**
 * Goes into the `cut` of what is signed: after a compromise or a halt nothing that rests on the old signatures serves any
 * more, even though the same statement, newly signed, stands in the same place. All summands only rise, so the sum never
 * comes back.
 */
export const cutOf = ({ authority, keys }: Pick<Issuer, 'authority' | 'keys'>): number =>
  authority.cut + keys.filter(({ revokedReason }) => revokedReason === 'compromised').length;

/** Where an endpoint of an authority lies: below its identifier. */
export const endpointOf = (entityId: string, name: string): string => `${entityId.replace(/\/$/, '')}/${name}`;

const ASSERTION_ALGORITHMS = SIGNING_ALGORITHMS.filter((alg) => alg !== 'EdDSA');

/** Where the configuration is served that a member signed and we publish (Entity Configuration Hosting draft). */
export const hostedAt = (authority: string, subject: string): string => `${endpointOf(authority, 'hosted')}?sub=${encodeURIComponent(subject)}`;

/** The authority's own metadata with the endpoints that Holdfast serves (OpenID Federation 1.0 §5.1.1, §8.8.1). */
export function authorityMetadata({
  entityId,
  metadata,
  clientAuth,
  subordinateEvents,
  entityCollection,
}: Pick<AuthorityRow, 'entityId' | 'metadata' | 'clientAuth' | 'subordinateEvents' | 'entityCollection'>): Metadata {
  const endpoints: Record<string, unknown> = {};
  let authenticated = false;
  for (const endpoint of AUTHORITY_ENDPOINTS) {
    if (endpoint === 'subordinate_events' && !subordinateEvents) continue;
    if (endpoint === 'collection' && !entityCollection) continue;
    const name = `federation_${endpoint}_endpoint`;
    endpoints[name] = endpointOf(entityId, ENDPOINT_PATHS[endpoint]);
    const mode = clientAuth[endpoint] ?? 'none';
    if (mode === 'none') continue;
    authenticated = true;
    endpoints[`${name}_auth_methods`] = mode === 'required' ? ['private_key_jwt'] : ['none', 'private_key_jwt'];
  }
  if (authenticated) endpoints['endpoint_auth_signing_alg_values_supported'] = ASSERTION_ALGORITHMS;
  return { ...metadata, federation_entity: { ...metadata['federation_entity'], ...endpoints } };
}

/** So often a status list is signed anew, though nothing has changed (seconds): whoever reads it sees that it is alive. */
const STATUS_LIST_EVERY = 60;

/**
 * Renew at half-life with up to 10 % jitter, at most once a minute; not at all when exp already is the cap. A mark that ends so
 * is looked at then: another grant may have its place (store/mark-places.ts). A status list is signed anew each minute, and when
 * somebody in it ends.
 */
function renewal(kind: NewArtefact['kind'], iat: number, exp: number, cap: number | null): number | null {
  if (kind === 'status_list') return Math.min(iat + STATUS_LIST_EVERY, exp);
  if (cap !== null && exp >= cap) return kind === 'mark' && cap < limits.MAX_TIME ? cap : null;
  const life = exp - iat;
  return iat + Math.max(60, Math.floor(life / 2 + (Math.random() * life) / 10));
}

type Kind = Pick<NewArtefact, 'kind' | 'key'> & Partial<Pick<NewArtefact, 'variant' | 'memberId' | 'organizationId' | 'cut' | 'cap'>>;

/** The row of signed bytes: its hash, its end, when it is renewed. */
export async function artefactOf(issuer: Issuer, kind: Kind, mediaType: string, bytes: string, iat: number, exp: number | null): Promise<NewArtefact> {
  const cap = kind.cap ?? null;
  return {
    variant: '',
    ...kind,
    authorityId: issuer.authority.id,
    mediaType,
    bytes,
    sha256: await sha256(bytes),
    iat,
    exp,
    cap,
    kid: issuer.signer.kid,
    generation: issuer.authority.generation,
    renewAt: exp === null ? null : renewal(kind.kind, iat, exp, cap),
    leaseUntil: 0,
  };
}

/** @throws Refusal findings */
export function orRefuse(what: string, result: Result<string>): string {
  if (!result.ok) throw refuseFindings(`${what} would not be valid, so it was not signed`, result.findings);
  return result.value;
}

export type OwnMarkRow = typeof ownTrustMark.$inferSelect;

/** Marks that others issued to an authority of ours and that have not ended. */
export const ownMarks = async ({ store: { db }, now }: Deployment, authorityId: string): Promise<readonly OwnMarkRow[]> =>
  (await db.select().from(ownTrustMark).where(eq(ownTrustMark.authorityId, authorityId)).orderBy(ownTrustMark.trustMarkType, ownTrustMark.iss)).filter(
    ({ exp }) => exp === null || exp > now(),
  );

/**
 * Sign the Entity Configuration (§9).
 * @param marks the marks it shows; read from the store when absent
 */
export async function signedConfiguration(deployment: Deployment, issuer: Issuer, marks?: readonly OwnMarkRow[]): Promise<NewArtefact> {
  const { authority, keys, signer } = issuer;
  const iat = deployment.now();
  const exp = iat + authority.configurationLifetime;
  const shown = marks ?? (await ownMarks(deployment, authority.id));
  const compact = await signEntityConfiguration(
    {
      ...authority.claims,
      sub: authority.entityId as never,
      iat,
      exp,
      jwks: { keys: publishedKeys(await legibleKeys(deployment, authority.id, keys)) },
      metadata: authorityMetadata(authority),
      ...(authority.authorityHints.length && { authority_hints: authority.authorityHints as never }),
      ...(shown.length && { trust_marks: shown.map(({ trustMarkType, bytes }) => ({ trust_mark_type: trustMarkType, trust_mark: bytes })) }),
      hasSubordinates: true,
    },
    { signer, development: deployment.development, criticalClaims: Array.isArray(authority.claims['crit']) ? (authority.claims['crit'] as string[]) : [] },
  );
  return artefactOf(
    issuer,
    { kind: 'entity_configuration', key: '', cut: cutOf(issuer) },
    mediaTypes.ENTITY_STATEMENT,
    orRefuse('the entity configuration', compact),
    iat,
    exp,
  );
}

/** Sign the former keys (§8.7). Without exp: it is signed anew at every key change. */
export async function signedHistoricalKeys(deployment: Deployment, issuer: Issuer): Promise<NewArtefact> {
  const iat = deployment.now();
  const compact = await signHistoricalKeys(
    { iss: issuer.authority.entityId, iat, keys: historicalKeys(await tellableKeys(deployment, issuer.authority.id, issuer.keys)) },
    issuer.signer,
  );
  return artefactOf(issuer, { kind: 'historical_keys', key: '' }, mediaTypes.JWK_SET_JWT, compact, iat, null);
}

/** A member's own constraints replace the authority's of the same name. */
const constraintsOf = (policy: StatementSources['policy'], member: MemberRow): Constraints => ({ ...policy?.constraints, ...member.constraints });
const some = <T extends object>(value: T): T | undefined => (Object.keys(value).length ? value : undefined);

/** Where the statement says that the member's configuration lies; undefined: it does not say, so at the well-known URL. */
function locationOf(authority: Pick<AuthorityRow, 'entityId' | 'ecLocation'>, member: MemberRow): string | undefined {
  if (member.hosted) return hostedAt(authority.entityId, member.entityId);
  return member.ecLocation ?? (authority.ecLocation === 'always' ? entityConfigurationUrl(member.entityId) : undefined);
}

const latest = (...times: readonly (number | null)[]): number | undefined => {
  const given = times.filter((time) => time !== null);
  return given.length ? Math.max(...given) : undefined;
};

/** What of an authority stands in the statements about its members. */
export interface StatementSources extends Pick<Issuer, 'authority' | 'bundles' | 'ceiling' | 'cameBack'> {
  readonly policy: (Pick<PolicyRow, 'policy' | 'crit' | 'constraints'> & Partial<Pick<PolicyRow, 'version'>>) | undefined;
}

/**
 * Claims of the statement about a member (§3.1); undefined ones are left out.
 * @throws Refusal findings when its entitlements contradict the policy
 */
export function statementClaims({ authority, policy, bundles, ceiling, cameBack = null }: StatementSources, member: MemberRow, iat: number) {
  const exp = Math.min(iat + (member.statementLifetime ?? authority.statementLifetime), endOfMember(member) ?? Number.POSITIVE_INFINITY);
  const rules = policyAbout(policy?.policy ?? {}, underCeiling(member, bundles, ceiling), bundles);
  if (!rules.ok) throw refuseFindings(`the statement about ${member.entityId} would not be valid, so it was not signed`, rules.findings);
  const claims = {
    ...member.claims,
    iss: authority.entityId,
    sub: member.entityId,
    iat,
    exp,
    jwks: member.jwks,
    metadata: some(member.metadata),
    metadata_policy: some(rules.value),
    metadata_policy_crit: policy?.crit.length ? policy.crit : undefined,
    constraints: some(constraintsOf(policy, member)),
    crit: member.crit.length ? member.crit : undefined,
    source_endpoint: endpointOf(authority.entityId, ENDPOINT_PATHS.fetch),
    ec_location: locationOf(authority, member),
    status:
      member.statusIdx === null || member.statusList === null ? undefined : statusIn(authority.entityId, { list: member.statusList, idx: member.statusIdx }),
    [NOT_BEFORE]: latest(member.notBefore, authority.notBefore, cameBack),
    [ENTITLEMENT_VERSION]: member.entitlementVersion > 0 ? member.entitlementVersion : undefined,
    [POLICY_VERSION]: policy?.version,
    [VOUCHED_ISSUERS]: member.vouchedIssuers.length ? member.vouchedIssuers.map(({ id: _, ...said }) => said) : undefined,
  };
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined)) as typeof claims;
}

function hasEnded(member: MemberRow): Refusal {
  const { entityId, validUntil, keysUntil, accreditedUntil, reattestBy } = member;
  const end = endOfMember(member);
  if (end === validUntil) return new Refusal('wrong_state', `the membership of ${entityId} ended at ${validUntil}`);
  if (end === keysUntil) return new Refusal('wrong_state', `a certificate of the keys of ${entityId} ended at ${keysUntil}; bind its keys with another one`);
  return end === accreditedUntil
    ? new Refusal('accreditation_not_in_force', `what ${entityId} has to be accredited by ended at ${accreditedUntil}; add it anew (holdfast accreditation)`)
    : new Refusal('accreditation_not_in_force', `nobody has said since ${reattestBy} that ${entityId} is still needed (holdfast member reattest)`);
}

/** Sign the Subordinate Statement about an active member (§3, §8.1). The caller has made sure that it is active. */
export async function signedStatement(deployment: Deployment, issuer: Issuer, row: MemberRow): Promise<NewArtefact> {
  const iat = deployment.now();
  // The end on record may be that of other roots, or none, until the background has looked at it (members/certified-ends.ts).
  const member = areCertified(row.jwks) ? { ...row, keysUntil: await keysUntil(row.jwks, issuer.authority.certificateRoots) } : row;
  const claims = statementClaims(issuer, member, iat);
  if (claims.exp <= iat) throw hasEnded(member);
  const compact = await signSubordinateStatement(claims as never, { signer: issuer.signer, development: deployment.development, criticalClaims: member.crit });
  const place = {
    kind: 'statement' as const,
    key: member.entityId,
    memberId: member.id,
    organizationId: member.organizationId,
    cut: member.cut + cutOf(issuer),
    cap: endOfMember(member),
  };
  return artefactOf(issuer, place, mediaTypes.ENTITY_STATEMENT, orRefuse(`the statement about ${member.entityId}`, compact), iat, claims.exp);
}

/** How an event names what it published. */
export const published = (rows: readonly NewArtefact[]) => rows.map(({ kind, key, sha256: hash, exp }) => ({ kind, key, sha256: hash, exp: exp ?? null }));
