import {
  type Constraints,
  type Entitlement,
  type Finding,
  finding,
  isRegistrationPolicy,
  type JwkSet,
  limits,
  type Metadata,
  parseConstraints,
  parseMetadata,
  type VouchedIssuer,
} from '../../federation/entry.js';
import { isLoopbackHost } from '../../federation/entity-id.js';
import { FEDERATION_ENDPOINTS } from '../../federation/metadata.js';
import type { DomainControl, MemberState, Sponsor } from '../../store/schema.js';
import { newId } from '../../keys/random.js';
import { homeOf, RESERVED_CLAIMS } from '../authorities/claim-homes.js';
import { refuseFindings } from '../refusal.js';
import type { MemberRow } from '../registry.js';
import { readUrl } from '../../federation/read-url.js';

/** What an operator may say about a member beyond its keys. */
export interface MemberInput {
  readonly entityTypes?: readonly string[] | undefined;
  readonly intermediate?: boolean | undefined;
  readonly metadata?: Metadata | undefined;
  readonly constraints?: Constraints | undefined;
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  readonly crit?: readonly string[] | undefined;
  /** Seconds. */
  readonly statementLifetime?: number | null | undefined;
  /** Seconds since the epoch; no statement outlives it. */
  readonly validUntil?: number | null | undefined;
  /** Where the member publishes its configuration, when not at its well-known URL (Entity Configuration Hosting draft). */
  readonly ecLocation?: string | null | undefined;
  readonly domainControl?: DomainControl | null | undefined;
  /** What it may ask for as a client; null: nothing limits it but its bundles. */
  readonly entitlements?: readonly Entitlement[] | null | undefined;
  /** Names of bundles of entitlements. */
  readonly bundles?: readonly string[] | undefined;
  /** Who answers for it, and until when that is said. */
  readonly sponsor?: Sponsor | null | undefined;
  readonly reattestBy?: number | null | undefined;
  /** Issuers that it stands for, as somebody wrote them; read when it is enrolled. */
  readonly vouchedIssuers?: readonly VouchedIssuer[] | undefined;
}

/** What is wrong with a place for a configuration: https, because a statement in it is worth nothing when it is not the member's. */
function locationFault(location: string, development: boolean): string | undefined {
  if (location.length > limits.MAX_ENTITY_ID_LENGTH) return `it has more than ${limits.MAX_ENTITY_ID_LENGTH} characters`;
  const url = readUrl(location);
  const sound = url?.protocol === 'https:' || (development && url?.protocol === 'http:' && isLoopbackHost(url.hostname));
  return url && sound && !url.username && !url.password && !url.hash ? undefined : 'it is no https URL without credentials and fragment';
}

/** Faults in an operator's description of a member. */
export function memberInputFindings(input: MemberInput, { development }: { readonly development: boolean }): readonly Finding[] {
  const findings: Finding[] = [];
  const no = (where: string, detail: string, fix: string) => findings.push({ ...finding('claim_invalid', where, detail), fix });
  const metadata = parseMetadata(input.metadata ?? {});
  if (!metadata.ok) findings.push(...metadata.findings);
  // Endpoints are read from the entity's own configuration, before any superior's metadata (§8.1, §8.2).
  for (const name of FEDERATION_ENDPOINTS)
    if (input.metadata?.['federation_entity']?.[name] !== undefined)
      no(`metadata/federation_entity/${name}`, 'endpoints stand in the own configuration', 'Leave it out of the statement.');
  const constraints = parseConstraints(input.constraints ?? {});
  if (!constraints.ok) findings.push(...constraints.findings);
  for (const name of Object.keys(input.claims ?? {}))
    if (RESERVED_CLAIMS.has(name)) no(`claims/${name}`, `"${name}" is not set as an extra claim`, homeOf('member', name).fix);
  const registered = input.claims?.['registration_policy'];
  if (registered !== undefined && !isRegistrationPolicy(registered))
    no('claims/registration_policy', 'it is no array of URIs', 'Name the registration policies the member was registered under.');
  if (input.claims?.['ec_location'] !== undefined)
    no('claims/ec_location', 'it has a field of its own', 'Set ec_location, or upload the configuration the member signed: holdfast member host <id> <file>.');
  const fault = typeof input.ecLocation === 'string' ? locationFault(input.ecLocation, development) : undefined;
  if (fault !== undefined) no('ec_location', fault, 'Give the https URL where the member publishes its configuration.');
  if (input.ecLocation && input.intermediate) no('ec_location', 'the member is an intermediate', 'Only leafs publish elsewhere than at their well-known URL.');
  for (const name of input.crit ?? [])
    if (input.claims?.[name] === undefined) no('crit', `"${name}" is not among the extra claims`, 'List only extra claims that are present.');
  const lifetime = input.statementLifetime ?? limits.DEFAULT_STATEMENT_LIFETIME;
  if (lifetime < limits.MIN_STATEMENT_LIFETIME || lifetime > limits.MAX_STATEMENT_LIFETIME)
    no('statement_lifetime', `${lifetime} s`, `Choose between ${limits.MIN_STATEMENT_LIFETIME} and ${limits.MAX_STATEMENT_LIFETIME} seconds.`);
  return findings;
}

export function expectMemberInput(input: MemberInput, options: { readonly development: boolean }): void {
  const findings = memberInputFindings(input, options);
  if (findings.length) throw refuseFindings('the member is not described correctly', findings);
}

/** What a new member's row needs beyond an operator's description. */
export interface NewMember {
  readonly id: string;
  readonly authorityId: string;
  readonly organizationId: string | null;
  readonly entityId: string;
  readonly state: MemberState;
  readonly jwks: JwkSet;
  readonly keysIat: number | null;
  readonly submittedBy: string;
  readonly now: number;
}

/** The row of a member at its enrolment, alone or in bulk. Written out: an object with so many members is slow when it is put together. */
export const newMemberRow = ({ now, ...given }: NewMember, input: MemberInput): MemberRow => ({
  id: given.id,
  authorityId: given.authorityId,
  organizationId: given.organizationId,
  entityId: given.entityId,
  state: given.state,
  jwks: given.jwks,
  keysIat: given.keysIat,
  submittedBy: given.submittedBy,
  stateReason: null,
  suspendedWith: null,
  entityTypes: input.entityTypes ?? [],
  intermediate: input.intermediate ?? false,
  metadata: input.metadata ?? {},
  constraints: input.constraints ?? {},
  claims: input.claims ?? {},
  crit: input.crit ?? [],
  statementLifetime: input.statementLifetime ?? null,
  validUntil: input.validUntil ?? null,
  removedKeys: [],
  keysFollowedAt: null,
  keysUntil: null,
  accreditedUntil: null,
  sponsor: input.sponsor ?? null,
  reattestBy: input.reattestBy ?? null,
  reattestTold: null,
  statusList: null,
  statusIdx: null,
  notBefore: null,
  predecessor: null,
  hosted: false,
  ecLocation: input.ecLocation ?? null,
  domainControl: input.domainControl ?? null,
  entitlements: input.entitlements ?? null,
  bundles: input.bundles ?? [],
  vouchedIssuers: (input.vouchedIssuers ?? []).map((one) => ({ ...one, id: newId('vis') })),
  entitlementVersion: 0,
  spelling: null,
  cut: 0,
  approvedSha256: null,
  waived: [],
  lastEditor: null,
  createdAt: now,
  updatedAt: now,
  v: 1,
});
