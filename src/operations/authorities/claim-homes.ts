import { STANDARD_CLAIMS } from '../../federation/entity-statement.js';
import { ENTITLEMENT_VERSION, NOT_BEFORE, POLICY_VERSION, STATUS_SEQ, VOUCHED_ISSUERS } from '../../federation/entry.js';

/**
 * Claims that nobody sets as extra ones: those the standard defines for Entity Statements, those that Holdfast adds, and two of RFC 7519 that the standard
 * leaves to applications (OpenID Federation 1.0 §3.1). A value that stands in a member's or authority's description comes again in
 * each renewal: as `jti` it would name many statements (RFC 7519 §4.1.7), as `nbf` it would keep them from being signed or say nothing.
 */
export const RESERVED_CLAIMS: ReadonlySet<string> = new Set([
  ...STANDARD_CLAIMS,
  ...['nbf', 'jti', 'status', NOT_BEFORE, VOUCHED_ISSUERS, ENTITLEMENT_VERSION, POLICY_VERSION, STATUS_SEQ],
]);

/**
 * Where each of them is set instead, or why it is not. One table, so that a message never sends anybody to a field that does not exist.
 */
export interface ClaimHome {
  /** Field of the admin API, when it is set by one. */
  readonly field?: string;
  /** What a person can do. */
  readonly fix: string;
}

const field = (name: string): ClaimHome => ({ field: name, fix: `Use the field "${name}".` });
const SUBORDINATE = (of: string, more: string): ClaimHome => ({ fix: `The standard has it in Subordinate Statements only (${of}). ${more}` });
const CONFIGURATION: ClaimHome = { fix: 'The standard has it in Entity Configurations only (§3.1.2): the member puts it into its own.' };
const REGISTRATION: ClaimHome = { fix: 'It belongs to Explicit Registration (§12.2), not to published statements: leave it out.' };
const IDENTIFIER: ClaimHome = { fix: 'It is the entity identifier, which never changes: leave it out.' };
const POLICY = 'Draft a policy: holdfast policy draft.';
const UNSET: ClaimHome = { fix: 'Holdfast does not set it: leave it out.' };
const NBF: ClaimHome = { fix: 'A statement of ours is valid from its iat on: leave it out.' };
const JTI: ClaimHome = { fix: 'Each renewal would have the same one, and a "jti" names one JWT (RFC 7519 §4.1.7): leave it out, or choose another name.' };
const VOUCHED: ClaimHome = { fix: 'It stands in the statement about the member whose issuers they are: holdfast issuer add.' };
const STATUS: ClaimHome = { fix: 'Holdfast says there where the status of a member is looked up (Token Status List): leave it out.' };
const RESUMED: ClaimHome = { fix: 'It is when a member, or its authority, came back last: Holdfast says it in the statement.' };
const VERSIONS: ClaimHome = { fix: 'Holdfast says there which version of its record, policy and events something was made from: leave it out.' };
const SET: ClaimHome = { fix: 'Holdfast sets it: leave it out.' };

const MADE_FROM = { [ENTITLEMENT_VERSION]: VERSIONS, [POLICY_VERSION]: VERSIONS, [STATUS_SEQ]: VERSIONS };

/** Of an authority's Entity Configuration. */
const OF_AUTHORITY: Readonly<Record<string, ClaimHome>> = {
  iss: IDENTIFIER,
  sub: IDENTIFIER,
  iat: SET,
  exp: field('configuration_lifetime'),
  nbf: NBF,
  jti: JTI,
  jwks: { fix: 'It follows from the keys: holdfast key list.' },
  metadata: field('metadata'),
  authority_hints: field('authority_hints'),
  trust_marks: { fix: 'Show a mark of another entity: holdfast mark own show.' },
  constraints: SUBORDINATE(
    '§6.2',
    'Constraints on all subordinates stand in the policy, beside metadata_policy: holdfast policy draft; on one of them in its own: holdfast member enroll --constraints.',
  ),
  metadata_policy: SUBORDINATE('§6.1', POLICY),
  metadata_policy_crit: SUBORDINATE('§3.1.3', POLICY),
  source_endpoint: SUBORDINATE('§3.1.3', 'Holdfast sets it there.'),
  aud: REGISTRATION,
  trust_anchor: REGISTRATION,
  [VOUCHED_ISSUERS]: VOUCHED,
  [NOT_BEFORE]: RESUMED,
  status: STATUS,
  ...MADE_FROM,
};

/** Of the statement about a member. */
const OF_MEMBER: Readonly<Record<string, ClaimHome>> = {
  ...MADE_FROM,
  [NOT_BEFORE]: RESUMED,
  status: STATUS,
  [VOUCHED_ISSUERS]: VOUCHED,
  iss: IDENTIFIER,
  sub: IDENTIFIER,
  iat: SET,
  exp: field('statement_lifetime'),
  nbf: NBF,
  jti: JTI,
  jwks: { fix: 'Its keys are bound at the enrolment and changed by: holdfast member keys replace.' },
  metadata: field('metadata'),
  constraints: field('constraints'),
  crit: field('crit'),
  metadata_policy: { fix: `A policy is of the authority and goes into the statements about all members. ${POLICY}` },
  metadata_policy_crit: { fix: `It goes with a policy of the authority. ${POLICY}` },
  source_endpoint: SET,
  authority_hints: CONFIGURATION,
  trust_anchor_hints: CONFIGURATION,
  trust_marks: CONFIGURATION,
  trust_mark_issuers: CONFIGURATION,
  trust_mark_owners: CONFIGURATION,
  aud: REGISTRATION,
  trust_anchor: REGISTRATION,
};

export const CLAIM_HOMES = { authority: OF_AUTHORITY, member: OF_MEMBER };

export const homeOf = (of: keyof typeof CLAIM_HOMES, claim: string): ClaimHome => CLAIM_HOMES[of][claim] ?? UNSET;
