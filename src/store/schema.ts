import { sql } from 'drizzle-orm';
import { customType, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { readCell, writeCell } from './json-cell.js';
import { KEY_PROOF_PURPOSES } from '../federation/key-proof.js';
import type { UiInfos } from '../federation/ui-info.js';
import { REGISTRATION_EVENTS } from '../federation/registration-events.js';
import type { Constraints, Entitlement, Finding, JwkSet, Metadata, PublicJwk, VouchedIssuer } from '../federation/entry.js';

/**
 * One schema for SQLite and D1. No foreign keys and no cascades: a generated table rebuild would silently delete
 * cascading children on both engines. Times are integer seconds UTC; JSON columns hold what zod checked at the border.
 */
type Json = Readonly<Record<string, unknown>>;
const json = <T>(name: string) =>
  customType<{ data: T; driverData: unknown }>({ dataType: () => 'text', fromDriver: (held) => readCell(name, held) as T, toDriver: writeCell })(name);

/** Endpoints of an authority: the name in `federation_<name>_endpoint` → the path below its identifier. */
export const ENDPOINT_PATHS = {
  fetch: 'fetch',
  list: 'list',
  extended_list: 'extended-list',
  resolve: 'resolve',
  trust_mark_status: 'trust-mark-status',
  trust_mark_list: 'trust-mark-list',
  trust_mark: 'trust-mark',
  historical_keys: 'historical-keys',
  subordinate_events: 'subordinate-events',
  collection: 'collection',
} as const;
export type AuthorityEndpoint = keyof typeof ENDPOINT_PATHS;
export const AUTHORITY_ENDPOINTS = Object.keys(ENDPOINT_PATHS) as [AuthorityEndpoint, ...AuthorityEndpoint[]];
/** How an endpoint treats client authentication (OpenID Federation 1.0 §8.8). */
export const CLIENT_AUTH_MODES = ['none', 'optional', 'required'] as const;
export type ClientAuth = Partial<Record<AuthorityEndpoint, (typeof CLIENT_AUTH_MODES)[number]>>;
/** Which statements say where the subject's configuration lies: those of members that need it, or all of them. */
export const EC_LOCATION_MODES = ['needed', 'always'] as const;

/** How it was shown that a member may use the domain of its identifier. */
export interface DomainControl {
  /** `well_known`: a token under the identifier's host; `dns`: in a TXT record of its domain; `operator`: somebody's word, with the reason for it. */
  readonly method: 'well_known' | 'dns' | 'operator';
  readonly reason?: string;
  /** Seconds since the epoch. */
  readonly at: number;
}

/** An issuer that a member stands for, under an id of ours. */
export type HeldIssuer = VouchedIssuer & { readonly id: string };

/** From the loosest to the strictest. */
export const KEY_PROOF_MODES = ['optional', 'required'] as const;
export const SECOND_CHANNEL_MODES = ['never', 'intermediates', 'always'] as const;

/** Who answers for a member: a person, so it stands in no chain and can be taken out. */
export interface Sponsor {
  readonly name: string;
  readonly email: string;
}

/** What a member of an Entity Type has to have to be in force; under `*` what all have to have. */
export interface Admission {
  /** Kinds of accreditation, of the member or of its organization. */
  readonly accreditations?: readonly string[];
  /** Somebody answers for it, and says so again before `reattest_by`. */
  readonly sponsor?: 'required' | 'optional';
}
export type AdmissionRules = Readonly<Record<string, Admission>>;

/** Halted: nothing of it is served or signed until it is resumed, but the head that says so. Retired: nor ever again, its historical keys aside. */
export const AUTHORITY_STATES = ['active', 'halted', 'retired'] as const;

export const authority = sqliteTable('authority', {
  id: text('id').primaryKey(),
  slug: text('slug').notNull().unique(),
  entityId: text('entity_id').notNull().unique(),
  /** Where its configuration is served, as requests are routed (federation/place.ts): two authorities never share one. Null only beside an older one there. */
  place: text('place').unique(),
  state: text('state', { enum: AUTHORITY_STATES }).notNull(),
  stateReason: text('state_reason'),
  /** Raised by each halt; part of the `cut` of everything it signs, so that what rested on it before never serves again. */
  cut: integer('cut').notNull().default(0),
  /** Published beside the endpoints that Holdfast adds under federation_entity. */
  metadata: json<Metadata>('metadata').notNull(),
  /** Further claims of the Entity Configuration, such as trust_mark_issuers. */
  claims: json<Json>('claims').notNull(),
  authorityHints: json<readonly string[]>('authority_hints').notNull(),
  configurationLifetime: integer('configuration_lifetime_s').notNull(),
  statementLifetime: integer('statement_lifetime_s').notNull(),
  clientAuth: json<ClientAuth>('client_auth').notNull(),
  keyAlg: text('key_alg').notNull(),
  /** Rotate the signing key this often; null: by command only. */
  keyRotation: integer('key_rotation_s'),
  /** Raised by every change that touches all artefacts; artefacts of older generations are re-signed in slices. */
  generation: integer('generation').notNull(),
  /** When the last change that reaches every statement was made, and again when all of them had been signed anew. */
  statementsChangedAt: integer('statements_changed_at').notNull().default(0),
  ecLocation: text('ec_location', { enum: EC_LOCATION_MODES }).notNull().default('needed'),
  /** It publishes what became of each of its subordinates (Federation Subordinate Events Endpoint draft). */
  subordinateEvents: integer('subordinate_events', { mode: 'boolean' }).notNull().default(false),
  /** It publishes whom it knows to be in force, with what a person is shown of each (Entity Collection draft). */
  entityCollection: integer('entity_collection', { mode: 'boolean' }).notNull().default(false),
  /** When it came back from a halt: what relying servers issued before to its members is not to live again. */
  notBefore: integer('not_before'),
  /** How many persons it takes to widen trust here: 1 or 2. */
  quorum: integer('quorum').notNull().default(1),
  /** Whether a key is bound only on a fresh proof that the member has it. */
  keyProof: text('key_proof', { enum: KEY_PROOF_MODES }).notNull().default('optional'),
  /** Whose keys a person compares with a contact of his own before they are bound. */
  secondChannel: text('second_channel', { enum: SECOND_CHANNEL_MODES }).notNull().default('never'),
  /** PEM: the roots of certificates in keys (`x5c`); null: only self-issued ones are accepted. */
  certificateRoots: text('certificate_roots'),
  /** Entity Type, or `*` for all, to what its members have to have. */
  admission: json<AdmissionRules>('admission').notNull().default({}),
  /** The largest `exp` of any Entity Configuration it published: until then somebody may keep one that lacks a newer key. */
  configurationExp: integer('configuration_exp'),
  /** Of an authority for the agents of a member: the authority above it, and its own row as a member there. Null: of an ordinary one. */
  agentsOf: text('agents_of'),
  agentsAs: text('agents_as'),
  /** The member, above, that makes and retires agents here. */
  agentsBy: text('agents_by'),
  /** How many agents may live at once, and be made within a day. */
  agentsLiving: integer('agents_living'),
  agentsPerDay: integer('agents_per_day'),
  /** For how long one is made or renewed at most. */
  agentsLife: integer('agents_life_s'),
  createdAt: integer('created_at').notNull(),
  updatedAt: integer('updated_at').notNull(),
  v: integer('v').notNull(),
});

export const KEY_STATES = ['created', 'staged', 'active', 'retiring', 'historical', 'revoked'] as const;
export type KeyState = (typeof KEY_STATES)[number];

export const authorityKey = sqliteTable(
  'authority_key',
  {
    id: text('id').primaryKey(),
    authorityId: text('authority_id').notNull(),
    kid: text('kid').notNull(),
    alg: text('alg').notNull(),
    state: text('state', { enum: KEY_STATES }).notNull(),
    jwk: json<PublicJwk>('jwk').notNull(),
    /** The private key, sealed; see keys/seal.ts. */
    sealed: text('sealed').notNull(),
    createdAt: integer('created_at').notNull(),
    stagedAt: integer('staged_at'),
    activeAt: integer('active_at'),
    retiringAt: integer('retiring_at'),
    /** From when on the key is no longer valid: `exp` among the historical keys. */
    endedAt: integer('ended_at'),
    revokedReason: text('revoked_reason'),
    /** Under a superior: the moment from which every valid statement about us lists this key. */
    superiorReadyAt: integer('superior_ready_at'),
    /** The largest `exp` it ever signed; it is published for as long. */
    signedUntil: integer('signed_until'),
    /** The largest `exp` of the configurations that were published before it. */
    unseenUntil: integer('unseen_until'),
  },
  (t) => [uniqueIndex('authority_key_kid').on(t.authorityId, t.kid)],
);

export const ORGANIZATION_STATES = ['active', 'halted'] as const;

export const organization = sqliteTable(
  'organization',
  {
    id: text('id').primaryKey(),
    authorityId: text('authority_id').notNull(),
    legalName: text('legal_name').notNull(),
    /** Halted: none of its members here is active, nor becomes it. */
    state: text('state', { enum: ORGANIZATION_STATES }).notNull().default('active'),
    stateReason: text('state_reason'),
    /** In a public register, and whose: by both it is the same body under every authority here. */
    registrationNumber: text('registration_number'),
    jurisdiction: text('jurisdiction'),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
    v: integer('v').notNull(),
  },
  (t) => [
    uniqueIndex('organization_name').on(t.authorityId, t.legalName),
    index('organization_registration').on(t.registrationNumber).where(sql`registration_number IS NOT NULL`),
  ],
);

export const MEMBER_STATES = ['applied', 'vetting', 'approved', 'active', 'suspended', 'revoked', 'archived', 'refused', 'withdrawn'] as const;
export type MemberState = (typeof MEMBER_STATES)[number];
/** Whoever is in one of these comes back by a new enrolment alone. */
export const ENDED_STATES: readonly MemberState[] = ['revoked', 'archived', 'refused', 'withdrawn'];

export const member = sqliteTable(
  'member',
  {
    id: text('id').primaryKey(),
    authorityId: text('authority_id').notNull(),
    organizationId: text('organization_id'),
    entityId: text('entity_id').notNull(),
    state: text('state', { enum: MEMBER_STATES }).notNull(),
    stateReason: text('state_reason'),
    /** The organization or authority whose halt suspended it: it comes back with that one. Null when suspended on its own. */
    suspendedWith: text('suspended_with'),
    entityTypes: json<readonly string[]>('entity_types').notNull(),
    intermediate: integer('intermediate', { mode: 'boolean' }).notNull(),
    /** The Federation Entity Keys we vouch for: exactly these stand in the statement. */
    jwks: json<JwkSet>('jwks').notNull(),
    /** `iat` of the configuration the keys were last adopted from; it only rises, so an old key set cannot be replayed. */
    keysIat: integer('keys_iat'),
    /** RFC 7638 thumbprints of keys that a person took away: none of them is bound again without a person. */
    removedKeys: json<readonly string[]>('removed_keys').notNull().default([]),
    /** When new keys were last adopted without a person. */
    keysFollowedAt: integer('keys_followed_at'),
    /** The earliest end of the certificates (`x5c`) of its keys; null when they have none. */
    keysUntil: integer('keys_until'),
    /** The end of the accreditations it has to have, while it is active; null when it needs none, or they have no end. */
    accreditedUntil: integer('accredited_until'),
    /** Who answers for it. */
    sponsor: json<Sponsor | null>('sponsor'),
    /** Until when somebody has said that it is still needed and answered for; null: nobody has to. */
    reattestBy: integer('reattest_by'),
    /** Days before that end at which it was told last. */
    reattestTold: integer('reattest_told'),
    metadata: json<Metadata>('metadata').notNull(),
    constraints: json<Constraints>('constraints').notNull(),
    claims: json<Json>('claims').notNull(),
    crit: json<readonly string[]>('crit').notNull(),
    statementLifetime: integer('statement_lifetime_s'),
    validUntil: integer('valid_until'),
    /** We serve the configuration the member signed and uploaded; the statement says where (`ec_location`). */
    hosted: integer('hosted', { mode: 'boolean' }).notNull().default(false),
    /** Where else the member publishes its configuration, when not at its well-known URL. */
    ecLocation: text('ec_location'),
    /** Needed by whoever does not publish at the well-known URL, which would show it. */
    domainControl: json<DomainControl | null>('domain_control'),
    /** What it may ask for as a client, beside what its bundles give; null: nothing limits it but its bundles. */
    entitlements: json<readonly Entitlement[] | null>('entitlements'),
    /** Names of bundles of entitlements. */
    bundles: json<readonly string[]>('bundles').notNull().default([]),
    /** Issuers that it stands for, and for whom each may speak: said in the statement about it. */
    vouchedIssuers: json<readonly HeldIssuer[]>('vouched_issuers').notNull().default([]),
    /** Rises with each change of what it may ask for, in its own entitlements or in a bundle. */
    entitlementVersion: integer('entitlement_version').notNull().default(0),
    /** What all spellings of its identifier have in common (`federation/place.ts`); null until it was filled in. */
    spelling: text('spelling'),
    /** Its place in the status lists, as `status_entry` has it: from when it is in force for the first time, for good. */
    statusList: integer('status_list'),
    statusIdx: integer('status_idx'),
    /** Raised by everything that narrows or cuts; evidence read before is never served after. */
    cut: integer('cut').notNull(),
    /** Digest of the content that was approved, or in force when it was suspended; null where nobody has decided. */
    approvedSha256: text('approved_sha256'),
    /** Codes of findings that somebody waived when its description or its keys were taken. */
    waived: json<readonly string[]>('waived').notNull().default([]),
    /** When it was taken back last: tokens that relying servers issued before are not to live again. */
    notBefore: integer('not_before'),
    /** The bar (`barred_identifier`) after which it was readmitted: it is a fresh application with other keys. */
    predecessor: text('predecessor'),
    /** Who enrolled it, and who changed its content last: the actors of those events. */
    submittedBy: text('submitted_by'),
    lastEditor: text('last_editor'),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
    v: integer('v').notNull(),
  },
  (t) => [
    uniqueIndex('member_entity').on(t.authorityId, t.entityId),
    index('member_state').on(t.authorityId, t.state, t.entityId),
    index('member_organization').on(t.authorityId, t.organizationId),
    index('member_spelling').on(t.spelling),
    index('member_updated').on(t.authorityId, t.state, t.updatedAt, t.entityId),
    /** Whoever has a bundle, or a list of its own: a change of a bundle or of the policy looks at nobody else. */
    index('member_entitled').on(t.authorityId, t.entityId).where(sql`bundles <> '[]' OR entitlements IS NOT NULL`),
    index('member_suspended_with').on(t.suspendedWith).where(sql`suspended_with IS NOT NULL`),
    /** Whoever has such an end: the background looks at those that have passed, and at nobody else. */
    index('member_accredited').on(t.accreditedUntil).where(sql`accredited_until IS NOT NULL`),
    index('member_reattest').on(t.reattestBy).where(sql`reattest_by IS NOT NULL`),
    /** Whoever is in force and has no place in a status list yet. */
    index('member_unplaced').on(t.id).where(sql`status_idx IS NULL AND state = 'active'`),
  ],
);

/** What a place in a status list stands for. */
export const STATUS_KINDS = ['member', 'software_statement', 'initial_access_token'] as const;
export type StatusKind = (typeof STATUS_KINDS)[number];

/**
 * Which place in which status list (Token Status List) stands for what. The lists are made from these rows and those of the
 * members, whenever they are signed: no bit is kept anywhere.
 */
export const statusEntry = sqliteTable(
  'status_entry',
  {
    authorityId: text('authority_id').notNull(),
    list: integer('list').notNull(),
    idx: integer('idx').notNull(),
    kind: text('kind', { enum: STATUS_KINDS }).notNull(),
    /** Of a member its id; of what was issued to one its `jti`. */
    subjectId: text('subject_id').notNull(),
    /** With whom it stands and falls. */
    memberId: text('member_id').notNull(),
    createdAt: integer('created_at').notNull(),
    /** From when on nobody may rely on what it stands for, whatever is said here; null: no such time. */
    expiresAt: integer('expires_at'),
    /** Taken back by itself, whatever its member is. */
    revokedAt: integer('revoked_at'),
  },
  (t) => [
    primaryKey({ columns: [t.authorityId, t.list, t.idx] }),
    uniqueIndex('status_entry_subject').on(t.authorityId, t.kind, t.subjectId),
    index('status_entry_member').on(t.memberId),
    index('status_entry_expires').on(t.expiresAt).where(sql`expires_at IS NOT NULL`),
  ],
);

/** Keys that something in a status list names, by RFC 7638 thumbprint: it falls with the halt of any of them. */
export const statusEntryKey = sqliteTable(
  'status_entry_key',
  {
    thumbprint: text('thumbprint').notNull(),
    authorityId: text('authority_id').notNull(),
    list: integer('list').notNull(),
    idx: integer('idx').notNull(),
  },
  (t) => [primaryKey({ columns: [t.thumbprint, t.authorityId, t.list, t.idx] }), index('status_entry_key_of').on(t.authorityId, t.list, t.idx)],
);

/** Which keys are bound to whom, by RFC 7638 thumbprint: kept by the one function that writes members. */
export const memberKey = sqliteTable(
  'member_key',
  { thumbprint: text('thumbprint').notNull(), memberId: text('member_id').notNull(), authorityId: text('authority_id').notNull() },
  (t) => [primaryKey({ columns: [t.thumbprint, t.memberId] }), index('member_key_member').on(t.memberId)],
);

/**
 * For whom somebody may speak, one row a namespace of each issuer of a member that has not ended: kept by the one function that
 * writes members. What is covered begins with what covers it (federation/vouching/namespace.ts).
 */
export const vouchedIssuer = sqliteTable(
  'vouched_issuer',
  {
    issuerId: text('issuer_id').notNull(),
    n: integer('n').notNull(),
    authorityId: text('authority_id').notNull(),
    memberId: text('member_id').notNull(),
    kind: text('kind').notNull(),
    issuer: text('issuer').notNull(),
    type: text('type').notNull(),
    place: text('place').notNull(),
    deep: integer('deep', { mode: 'boolean' }).notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.issuerId, t.n] }),
    index('vouched_issuer_place').on(t.authorityId, t.kind, t.type, t.place),
    index('vouched_issuer_issuer').on(t.authorityId, t.issuer),
    index('vouched_issuer_member').on(t.memberId),
  ],
);

/**
 * What is known of a key of a member beside that it is bound: `member_key` is made from the member's row and can be made anew
 * from it, a proof and a person's word cannot.
 */
export const keyStanding = sqliteTable(
  'key_standing',
  {
    memberId: text('member_id').notNull(),
    /** RFC 7638. */
    thumbprint: text('thumbprint').notNull(),
    authorityId: text('authority_id').notNull(),
    /** When the member proved last that it has the key, for what, and the SHA-256 of that proof. */
    provenAt: integer('proven_at'),
    proofPurpose: text('proof_purpose', { enum: KEY_PROOF_PURPOSES }),
    proofSha256: text('proof_sha256'),
    /** Who compared the thumbprint with a contact of his own, and by which channel. */
    confirmedAt: integer('confirmed_at'),
    confirmedBy: text('confirmed_by'),
    confirmedChannel: text('confirmed_channel'),
  },
  (t) => [primaryKey({ columns: [t.memberId, t.thumbprint] }), index('key_standing_thumbprint').on(t.thumbprint)],
);

/** What a member is to answer with each key it has or wants bound. Good for one answer. */
export const keyChallenge = sqliteTable(
  'key_challenge',
  {
    id: text('id').primaryKey(),
    authorityId: text('authority_id').notNull(),
    memberId: text('member_id').notNull(),
    /** The nonce itself is told once. */
    nonceSha256: text('nonce_sha256').notNull(),
    purpose: text('purpose', { enum: KEY_PROOF_PURPOSES }).notNull(),
    /** Keys that were handed in with it, not bound yet. */
    jwks: json<JwkSet>('jwks').notNull(),
    createdAt: integer('created_at').notNull(),
    expiresAt: integer('expires_at').notNull(),
    usedAt: integer('used_at'),
  },
  (t) => [index('key_challenge_member').on(t.memberId, t.expiresAt)],
);

/** What has ended by time stays `in_force` here: its end says so. */
export const ACCREDITATION_STATES = ['pending', 'in_force', 'withdrawn'] as const;

/** What somebody else vouches for about an organization or a member, such as a certificate or a contract. Never deleted. */
export const accreditation = sqliteTable(
  'accreditation',
  {
    id: text('id').primaryKey(),
    authorityId: text('authority_id').notNull(),
    /** Just one of the two. */
    organizationId: text('organization_id'),
    memberId: text('member_id'),
    kind: text('kind').notNull(),
    issuer: text('issuer').notNull(),
    reference: text('reference'),
    validFrom: integer('valid_from').notNull(),
    validUntil: integer('valid_until'),
    state: text('state', { enum: ACCREDITATION_STATES }).notNull(),
    /** The first one that it renews, over however many; its own id without one. What is withdrawn is withdrawn with all of them. */
    lineage: text('lineage').notNull(),
    /** The one that it renews. */
    supersedes: text('supersedes'),
    addedBy: text('added_by').notNull(),
    verifiedBy: text('verified_by'),
    verifiedAt: integer('verified_at'),
    withdrawnReason: text('withdrawn_reason'),
    /** Days before its end at which it was told last. */
    toldDays: integer('told_days'),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
    v: integer('v').notNull(),
  },
  (t) => [
    index('accreditation_member').on(t.authorityId, t.memberId),
    index('accreditation_organization').on(t.authorityId, t.organizationId),
    index('accreditation_lineage').on(t.authorityId, t.lineage),
    index('accreditation_end').on(t.validUntil).where(sql`state = 'in_force' AND valid_until IS NOT NULL`),
  ],
);

export const EVIDENCE_SUBJECTS = ['accreditation', 'application'] as const;
export const EVIDENCE_PLACES = ['file', 'uri'] as const;
export const CLASSIFICATIONS = ['public', 'internal', 'confidential', 'secret'] as const;

/** What was handed in as proof. The bytes lie beside the database under their hash, or with somebody else. */
export const evidence = sqliteTable(
  'evidence',
  {
    id: text('id').primaryKey(),
    authorityId: text('authority_id').notNull(),
    subjectKind: text('subject_kind', { enum: EVIDENCE_SUBJECTS }).notNull(),
    subjectId: text('subject_id').notNull(),
    /** In hexadecimal, as sha256sum prints it. */
    sha256: text('sha256').notNull(),
    /** What whoever handed it in said: it is served as bytes and nothing else. */
    mediaType: text('media_type').notNull(),
    /** How many bytes it has; null where nobody has counted, of what lies with somebody else. */
    bytes: integer('bytes'),
    place: text('place', { enum: EVIDENCE_PLACES }).notNull(),
    uri: text('uri'),
    name: text('name'),
    classification: text('classification', { enum: CLASSIFICATIONS }).notNull(),
    uploadedBy: text('uploaded_by').notNull(),
    reviewedBy: text('reviewed_by'),
    reviewedAt: integer('reviewed_at'),
    retainUntil: integer('retain_until').notNull(),
    purgedAt: integer('purged_at'),
    createdAt: integer('created_at').notNull(),
    v: integer('v').notNull(),
  },
  (t) => [
    uniqueIndex('evidence_once').on(t.authorityId, t.subjectKind, t.subjectId, t.sha256),
    index('evidence_sha256').on(t.sha256),
    index('evidence_retained').on(t.retainUntil).where(sql`purged_at IS NULL`),
  ],
);

/** An invitation to apply: whoever has its secret may, so often and until then. */
export const joinLink = sqliteTable(
  'join_link',
  {
    id: text('id').primaryKey(),
    authorityId: text('authority_id').notNull(),
    /** The secret itself is told once. */
    secretSha256: text('secret_sha256').notNull(),
    maxUses: integer('max_uses').notNull(),
    used: integer('used').notNull().default(0),
    expiresAt: integer('expires_at').notNull(),
    note: text('note'),
    createdBy: text('created_by').notNull(),
    createdAt: integer('created_at').notNull(),
    endedAt: integer('ended_at'),
  },
  (t) => [index('join_link_authority').on(t.authorityId, t.createdAt, t.id)],
);

export const TOKEN_FORMATS = ['jwt', 'opaque'] as const;

/**
 * Software statements (RFC 7591 §2.3) that were signed about members. The JWT itself is not kept. Whether one is good is asked of
 * its member, as it is then: so a cut writes nothing here.
 */
export const softwareStatement = sqliteTable(
  'software_statement',
  {
    jti: text('jti').primaryKey(),
    authorityId: text('authority_id').notNull(),
    memberId: text('member_id').notNull(),
    sha256: text('sha256').notNull().unique(),
    /** Issuers of authorization servers it is for; null: whoever accepts the authority. */
    audience: json<readonly string[] | null>('audience'),
    softwareId: text('software_id'),
    softwareVersion: text('software_version'),
    scope: text('scope').notNull(),
    /** RFC 7638 thumbprints of the keys of the client that stand in it. */
    keys: json<readonly string[]>('keys').notNull(),
    entitlementVersion: integer('entitlement_version').notNull(),
    /** Of the member, its authority and the keys of that: what was signed before a cut is good no more after it. */
    cut: integer('cut').notNull(),
    createdBy: text('created_by').notNull(),
    createdAt: integer('created_at').notNull(),
    exp: integer('exp').notNull(),
    revokedAt: integer('revoked_at'),
  },
  (t) => [
    index('software_statement_authority').on(t.authorityId, t.createdAt, t.jti),
    index('software_statement_member').on(t.memberId, t.exp),
    index('software_statement_exp').on(t.exp),
  ],
);

/** Initial access tokens (RFC 7591 §3): each for one registration, at one server, by one key. The token itself is told once. */
export const initialAccessToken = sqliteTable(
  'initial_access_token',
  {
    jti: text('jti').primaryKey(),
    authorityId: text('authority_id').notNull(),
    memberId: text('member_id').notNull(),
    format: text('format', { enum: TOKEN_FORMATS }).notNull(),
    sha256: text('sha256').notNull().unique(),
    /** The issuer of the one authorization server it is for. */
    audience: text('audience').notNull(),
    /** RFC 7638 thumbprint of the key that has to sign the registration. */
    jkt: text('jkt').notNull(),
    softwareStatementJti: text('software_statement_jti'),
    cut: integer('cut').notNull(),
    createdBy: text('created_by').notNull(),
    createdAt: integer('created_at').notNull(),
    exp: integer('exp').notNull(),
    revokedAt: integer('revoked_at'),
    /** It is used up: for the request with this hash, and no other. */
    redeemedAt: integer('redeemed_at'),
    requestSha256: text('request_sha256'),
  },
  (t) => [
    index('initial_access_token_authority').on(t.authorityId, t.createdAt, t.jti),
    index('initial_access_token_member').on(t.memberId, t.exp),
    index('initial_access_token_exp').on(t.exp),
  ],
);

/** How a member became a client of an authorization server. */
export const REGISTRATION_METHODS = ['software_statement', 'automatic', 'metadata_document'] as const;

/** Clients that authorization servers reported: who holds what of a member when that is cut. */
export const clientRegistration = sqliteTable(
  'client_registration',
  {
    authorityId: text('authority_id').notNull(),
    memberId: text('member_id').notNull(),
    /** The Entity Identifier of the authorization server, which is its issuer. */
    server: text('server').notNull(),
    clientId: text('client_id').notNull(),
    method: text('method', { enum: REGISTRATION_METHODS }).notNull(),
    softwareStatementJti: text('software_statement_jti'),
    registeredAt: integer('registered_at').notNull(),
    endedAt: integer('ended_at'),
  },
  (t) => [
    primaryKey({ columns: [t.server, t.clientId, t.authorityId] }),
    index('client_registration_authority').on(t.authorityId, t.registeredAt, t.server, t.clientId),
    index('client_registration_member').on(t.memberId, t.endedAt),
    index('client_registration_ended').on(t.endedAt).where(sql`ended_at IS NOT NULL`),
  ],
);

/** `taken`: there is a member of it, whose state says where it stands. */
export const APPLICATION_STATES = ['applied', 'taken', 'refused', 'withdrawn'] as const;
export const WAITING_ON = ['reviewer', 'applicant'] as const;

/** What an applicant asks for: what its member's row is made from once a person has taken the application. */
export interface RequestedMembership {
  readonly entityTypes?: readonly string[] | undefined;
  readonly intermediate?: boolean | undefined;
  /** Public keys; left out: those of its published configuration. */
  readonly jwks?: JwkSet | undefined;
  readonly entitlements?: readonly Entitlement[] | undefined;
  readonly bundles?: readonly string[] | undefined;
  readonly trustMarkTypes?: readonly string[] | undefined;
}

/** What of an application is about people: erased as a whole. */
export interface ApplicantDetails {
  readonly organization: { readonly legalName: string; readonly registrationNumber?: string | undefined; readonly jurisdiction?: string | undefined };
  readonly contacts: readonly { readonly name?: string | undefined; readonly email?: string | undefined; readonly phone?: string | undefined }[];
}

/**
 * A stranger's wish to become a member. It holds no identifier and makes no member: several may name the same one, and a person
 * decides whose it is. So nobody keeps anybody out by naming it, and the answer says nothing about who is here.
 */
export const application = sqliteTable(
  'application',
  {
    id: text('id').primaryKey(),
    authorityId: text('authority_id').notNull(),
    joinLinkId: text('join_link_id').notNull(),
    entityId: text('entity_id').notNull(),
    tokenSha256: text('token_sha256').notNull(),
    state: text('state', { enum: APPLICATION_STATES }).notNull(),
    /** Null once it has ended. */
    waitingOn: text('waiting_on', { enum: WAITING_ON }),
    requested: json<RequestedMembership>('requested').notNull(),
    /** Null once it was erased. */
    details: json<ApplicantDetails | null>('details'),
    /** The member that was made of it, as long as that one's `submitted_by` is this application. */
    memberId: text('member_id'),
    /** What pre-flight said when it was taken, as far as it is about the applicant itself. */
    findings: json<readonly (Finding & { readonly severity: 'error' | 'warning' })[]>('findings').notNull().default([]),
    takenBy: text('taken_by'),
    takenAt: integer('taken_at'),
    submittedAt: integer('submitted_at').notNull(),
    decidedAt: integer('decided_at'),
    /** Its identifier was barred when it was taken. */
    readmission: integer('readmission', { mode: 'boolean' }).notNull().default(false),
    updatedAt: integer('updated_at').notNull(),
    v: integer('v').notNull(),
  },
  (t) => [
    index('application_authority').on(t.authorityId, t.submittedAt, t.id),
    index('application_entity').on(t.authorityId, t.entityId),
    index('application_member').on(t.memberId),
  ],
);

/** How much strangers have asked for: one number for each of those who ask (store/gcra.ts). What has passed is not kept. */
export const rateLimit = sqliteTable('rate_limit', { bucket: text('bucket').primaryKey(), tat: integer('tat').notNull() }, (t) => [
  index('rate_limit_tat').on(t.tat),
]);

/** Identifiers that were revoked. One stays barred until an approver readmits it; the row stays. */
export const barredIdentifier = sqliteTable(
  'barred_identifier',
  {
    id: text('id').primaryKey(),
    authorityId: text('authority_id').notNull(),
    entityId: text('entity_id').notNull(),
    memberId: text('member_id').notNull(),
    reason: text('reason'),
    /** The event in the authority's chain with which it was barred. */
    eventSeq: integer('event_seq'),
    barredAt: integer('barred_at').notNull(),
    readmittedAt: integer('readmitted_at'),
  },
  (t) => [
    uniqueIndex('barred_identifier_now').on(t.authorityId, t.entityId).where(sql`readmitted_at IS NULL`),
    index('barred_identifier_of').on(t.authorityId, t.entityId),
  ],
);

/** Keys of members that somebody halted, by RFC 7638 thumbprint: nobody is given one again but by a person who names that. */
export const haltedKey = sqliteTable(
  'halted_key',
  {
    thumbprint: text('thumbprint').notNull(),
    /** In whose chain the event stands: what an authority halts counts there, what the deployment halts everywhere. */
    authorityId: text('authority_id').notNull(),
    /** The last time: what anybody proved or confirmed of it until then counts no more. */
    haltedAt: integer('halted_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.thumbprint, t.authorityId] })],
);

/** What became of a subordinate, as its authority tells it to anyone. Written with the member's row, never changed. */
export const registrationEvent = sqliteTable(
  'registration_event',
  {
    id: integer('id').primaryKey(),
    authorityId: text('authority_id').notNull(),
    entityId: text('entity_id').notNull(),
    at: integer('at').notNull(),
    event: text('event', { enum: REGISTRATION_EVENTS }).notNull(),
    /** Told to anyone: not the reason that the operator noted for itself. */
    description: text('description'),
  },
  (t) => [index('registration_event_of').on(t.authorityId, t.entityId, t.id)],
);

/** Ended: it gives nothing, and its name is never another bundle's. */
export const BUNDLE_STATES = ['active', 'ended'] as const;

/** Entitlements under a name, for members that are given them together. */
export const entitlementBundle = sqliteTable(
  'entitlement_bundle',
  {
    authorityId: text('authority_id').notNull(),
    name: text('name').notNull(),
    state: text('state', { enum: BUNDLE_STATES }).notNull(),
    description: text('description'),
    entitlements: json<readonly Entitlement[]>('entitlements').notNull(),
    createdBy: text('created_by').notNull(),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
    v: integer('v').notNull(),
  },
  (t) => [primaryKey({ columns: [t.authorityId, t.name] })],
);

/** `reporting`: members that would break are told apart, nothing is published. */
export const POLICY_STATES = ['draft', 'reporting', 'published', 'superseded'] as const;

export const metadataPolicy = sqliteTable(
  'metadata_policy',
  {
    authorityId: text('authority_id').notNull(),
    version: integer('version').notNull(),
    state: text('state', { enum: POLICY_STATES }).notNull(),
    policy: json<Json>('metadata_policy').notNull(),
    crit: json<readonly string[]>('metadata_policy_crit').notNull(),
    constraints: json<Constraints>('constraints').notNull(),
    note: text('note'),
    createdBy: text('created_by').notNull(),
    createdAt: integer('created_at').notNull(),
    publishedAt: integer('published_at'),
  },
  (t) => [primaryKey({ columns: [t.authorityId, t.version] })],
);

export const ARTEFACT_KINDS = [
  'entity_configuration',
  'statement',
  'historical_keys',
  'resolve',
  'mark',
  'mark_status',
  'events',
  'hosted',
  'head',
  'status_list',
] as const;
export type ArtefactKind = (typeof ARTEFACT_KINDS)[number];

/**
 * Why an artefact is not served although it stands there: the key that signed it was revoked, its authority came back from a
 * halt, what it rests on ended earlier than it says, its subject is entitled to less than it says, or something was taken back that
 * it says is valid; it was to be signed and could not be; or it was withheld by a version that kept no reasons.
 */
export const WITHHELD = ['key_revoked', 'authority_resumed', 'end_moved', 'entitled_to_less', 'status_moved', 'not_issued', 'earlier_version'] as const;

/** Signed bytes, ready to serve. A member that is not active has none: that is the kill switch. */
export const artefact = sqliteTable(
  'artefact',
  {
    id: integer('id').primaryKey(),
    authorityId: text('authority_id').notNull(),
    kind: text('kind', { enum: ARTEFACT_KINDS }).notNull(),
    key: text('key').notNull(),
    variant: text('variant').notNull().default(''),
    mediaType: text('media_type').notNull(),
    bytes: text('bytes').notNull(),
    sha256: text('sha256').notNull(),
    iat: integer('iat').notNull(),
    /** The end that the bytes say; null only where they say none (historical keys, heads). */
    exp: integer('exp'),
    /** The earliest end that no renewal may pass. */
    cap: integer('cap'),
    kid: text('kid').notNull(),
    generation: integer('generation').notNull(),
    cut: integer('cut').notNull().default(0),
    memberId: text('member_id'),
    organizationId: text('organization_id'),
    /** From when on it is to be signed anew; null: never by itself. What is due at once has the time at which it fell due. */
    renewAt: integer('renew_at'),
    leaseUntil: integer('lease_until').notNull().default(0),
    /** Null: served until `exp`. Else it is not, and whatever puts new bytes in its place clears this in the same batch. */
    withheld: text('withheld', { enum: WITHHELD }),
  },
  (t) => [
    uniqueIndex('artefact_place').on(t.authorityId, t.kind, t.key, t.variant),
    index('artefact_renew').on(t.renewAt, t.exp),
    index('artefact_exp').on(t.exp).where(sql`renew_at IS NOT NULL`),
    index('artefact_withheld').on(t.renewAt, t.exp).where(sql`withheld IS NOT NULL`),
    /** Marks that have an end of their own and nobody has looked at since. */
    index('artefact_mark_end').on(t.cap).where(sql`kind = 'mark' AND renew_at IS NOT NULL`),
    index('artefact_member').on(t.memberId),
    index('artefact_generation').on(t.authorityId, t.generation),
  ],
);

/** Status lists that another one has taken the place of, for a day: what one said at a time is answered with its bytes. */
export const keptStatusList = sqliteTable(
  'kept_status_list',
  {
    authorityId: text('authority_id').notNull(),
    list: integer('list').notNull(),
    iat: integer('iat').notNull(),
    exp: integer('exp').notNull(),
    /** The last event of the chain that it was made from. */
    cut: integer('cut').notNull(),
    kid: text('kid').notNull(),
    sha256: text('sha256').notNull(),
    bytes: text('bytes').notNull(),
    /** Digest of what it says beside when: of those that say the same only some are kept. */
    says: text('says').notNull(),
  },
  (t) => [primaryKey({ columns: [t.authorityId, t.list, t.iat] }), index('kept_status_list_iat').on(t.iat)],
);

/** A type of Trust Mark that an authority issues. */
export const trustMarkType = sqliteTable(
  'trust_mark_type',
  {
    authorityId: text('authority_id').notNull(),
    trustMarkType: text('trust_mark_type').notNull(),
    state: text('state', { enum: ['active', 'halted'] }).notNull(),
    logoUri: text('logo_uri'),
    ref: text('ref'),
    /** 0: marks of this type have no end. */
    lifetime: integer('lifetime_s').notNull(),
    /** The owner's delegation, when the type has an owner other than us (OpenID Federation 1.0 §7.2). */
    delegation: text('delegation'),
    /** `exp` of the delegation: no mark outlives it. */
    delegationExp: integer('delegation_exp'),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
    v: integer('v').notNull(),
  },
  (t) => [primaryKey({ columns: [t.authorityId, t.trustMarkType] })],
);

/** The decision that a member bears a type of mark. Marks are issued from it while the member is active. */
export const trustMarkGrant = sqliteTable(
  'trust_mark_grant',
  {
    id: text('id').primaryKey(),
    authorityId: text('authority_id').notNull(),
    trustMarkType: text('trust_mark_type').notNull(),
    memberId: text('member_id').notNull(),
    /** Whose member it is: a mark issuer may mark the members of another authority of this deployment. */
    memberAuthorityId: text('member_authority_id').notNull(),
    entityId: text('entity_id').notNull(),
    state: text('state', { enum: ['active', 'revoked'] }).notNull(),
    reason: text('reason'),
    validUntil: integer('valid_until'),
    /** What it hangs on: it ends with that at the latest, and is withdrawn with it. */
    accreditationId: text('accreditation_id'),
    createdBy: text('created_by').notNull(),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
    v: integer('v').notNull(),
  },
  (t) => [
    index('trust_mark_grant_accreditation').on(t.accreditationId).where(sql`accreditation_id IS NOT NULL`),
    uniqueIndex('trust_mark_grant_place').on(t.authorityId, t.trustMarkType, t.memberId),
    index('trust_mark_grant_member').on(t.memberId),
    index('trust_mark_grant_entity').on(t.authorityId, t.entityId),
  ],
);

/** Every mark that was signed, kept until 30 days after its end: what the status endpoint knows. */
export const trustMark = sqliteTable(
  'trust_mark',
  {
    jti: text('jti').primaryKey(),
    authorityId: text('authority_id').notNull(),
    grantId: text('grant_id').notNull(),
    trustMarkType: text('trust_mark_type').notNull(),
    memberId: text('member_id').notNull(),
    entityId: text('entity_id').notNull(),
    sha256: text('sha256').notNull(),
    bytes: text('bytes').notNull(),
    iat: integer('iat').notNull(),
    /** The end of what it says. A mark without "exp" has the last time there is, until its authorization gets an end. */
    exp: integer('exp').notNull(),
    revokedAt: integer('revoked_at'),
    reason: text('reason'),
    /**
     * 1: it was withdrawn among too many others to sign the `revoked` answer at once; until a slice has, status is 503.
     * 2: its end was moved; the `expired` answer for then is still to be signed.
     */
    statusDue: integer('status_due').notNull().default(0),
  },
  (t) => [
    uniqueIndex('trust_mark_bytes').on(t.authorityId, t.sha256),
    index('trust_mark_member').on(t.memberId),
    index('trust_mark_of_grant').on(t.grantId),
    index('trust_mark_of_type').on(t.authorityId, t.trustMarkType),
    index('trust_mark_due').on(t.statusDue),
    index('trust_mark_exp').on(t.exp),
  ],
);

/** Delegations we signed as the owner of a type (§7.2.1). */
export const trustMarkDelegation = sqliteTable('trust_mark_delegation', {
  id: text('id').primaryKey(),
  authorityId: text('authority_id').notNull(),
  trustMarkType: text('trust_mark_type').notNull(),
  sub: text('sub').notNull(),
  bytes: text('bytes').notNull(),
  iat: integer('iat').notNull(),
  exp: integer('exp').notNull(),
});

/** Marks that others issued to an authority of ours, shown in its Entity Configuration. */
export const ownTrustMark = sqliteTable(
  'own_trust_mark',
  {
    authorityId: text('authority_id').notNull(),
    trustMarkType: text('trust_mark_type').notNull(),
    iss: text('iss').notNull(),
    bytes: text('bytes').notNull(),
    exp: integer('exp'),
    checkedAt: integer('checked_at').notNull(),
    /** What the last look at the issuer found; null when all was well. */
    problem: text('problem'),
  },
  (t) => [primaryKey({ columns: [t.authorityId, t.trustMarkType, t.iss] })],
);

/** A Trust Anchor that an authority resolves under, its keys fixed out of band (§10). */
export const anchorPin = sqliteTable(
  'anchor_pin',
  {
    authorityId: text('authority_id').notNull(),
    entityId: text('entity_id').notNull(),
    /** Null: an authority of this deployment, whose keys are read from the store. */
    jwks: json<JwkSet | null>('jwks'),
    note: text('note'),
    createdBy: text('created_by').notNull(),
    createdAt: integer('created_at').notNull(),
    checkedAt: integer('checked_at'),
    /** What the last comparison with the served configuration found; null when the keys agree. */
    problem: text('problem'),
  },
  (t) => [primaryKey({ columns: [t.authorityId, t.entityId] })],
);

export const ENTITY_SOURCES = ['member', 'crawl', 'wish'] as const;

/** An entity that an authority evaluates as a resolver. */
export const knownEntity = sqliteTable(
  'known_entity',
  {
    authorityId: text('authority_id').notNull(),
    entityId: text('entity_id').notNull(),
    source: text('source', { enum: ENTITY_SOURCES }).notNull(),
    entityTypes: json<readonly string[]>('entity_types').notNull(),
    /** Names and the like, for people: organization_name, display_name, logo_uri … as the entity gives them. */
    about: json<Json>('about').notNull(),
    superiors: json<readonly string[]>('superiors').notNull(),
    dueAt: integer('due_at').notNull(),
    leaseUntil: integer('lease_until').notNull().default(0),
    attempts: integer('attempts').notNull().default(0),
    evaluatedAt: integer('evaluated_at'),
  },
  (t) => [
    primaryKey({ columns: [t.authorityId, t.entityId] }),
    index('known_entity_due').on(t.dueAt),
    index('known_entity_id').on(t.entityId),
    // What was wished for is few among the many, and looked at in every turn.
    index('known_entity_wished').on(t.evaluatedAt).where(sql`source = 'wish'`),
  ],
);

export const SNAPSHOT_STATES = ['valid', 'invalid', 'unreachable'] as const;

/** The stored evaluation of one subject under one anchor. Its signed answers are artefacts of kind `resolve`. */
export const snapshot = sqliteTable(
  'snapshot',
  {
    authorityId: text('authority_id').notNull(),
    subject: text('subject').notNull(),
    trustAnchor: text('trust_anchor').notNull(),
    state: text('state', { enum: SNAPSHOT_STATES }).notNull(),
    /** Error code of §8.9 for an invalid one. */
    error: text('error'),
    entityTypes: json<readonly string[]>('entity_types').notNull(),
    /** Entity Identifiers from the subject to the anchor. */
    path: json<readonly string[]>('path').notNull(),
    trustMarkTypes: json<readonly string[]>('trust_mark_types').notNull(),
    findings: json<readonly Finding[]>('findings').notNull(),
    exp: integer('exp'),
    evaluatedAt: integer('evaluated_at').notNull(),
    /** Of its resolved metadata what a person is shown (federation/ui-info.ts). */
    uiInfos: json<UiInfos>('ui_infos').notNull().default({}),
  },
  (t) => [
    primaryKey({ columns: [t.authorityId, t.subject, t.trustAnchor] }),
    // What was not proven is looked at in every turn, however many were.
    index('snapshot_unproven').on(t.evaluatedAt).where(sql`state <> 'valid'`),
    // Who was found under an anchor, in order; and when the last evaluation was.
    index('snapshot_collected').on(t.authorityId, t.trustAnchor, t.subject),
    index('snapshot_evaluated').on(t.authorityId, t.trustAnchor, t.evaluatedAt),
    index('snapshot_evaluated').on(t.authorityId, t.trustAnchor, t.evaluatedAt),
  ],
);

/**
 * What a snapshot rests on among our own artefacts: its answers are served only while each still stands there with the
 * same `cut`. Evidence read before a halt therefore never serves, whoever publishes it later.
 */
export const snapshotLink = sqliteTable(
  'snapshot_link',
  {
    authorityId: text('authority_id').notNull(),
    subject: text('subject').notNull(),
    trustAnchor: text('trust_anchor').notNull(),
    issuerId: text('issuer_id').notNull(),
    kind: text('kind', { enum: ARTEFACT_KINDS }).notNull(),
    key: text('key').notNull(),
    variant: text('variant').notNull().default(''),
    cut: integer('cut').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.authorityId, t.subject, t.trustAnchor, t.issuerId, t.kind, t.key] }),
    index('snapshot_link_on').on(t.issuerId, t.kind, t.key),
  ],
);

/** A finding about a member that has lasted. */
export interface Raised extends Finding {
  readonly since: number;
}

/** Something about a member's configuration that is not followed until a person has looked at it. */
export interface Hold {
  readonly kind:
    | 'removed_key_shown'
    | 'key_changed_under_kid'
    | 'all_keys_replaced'
    | 'signed_by_unknown_key'
    | 'key_unproven'
    | 'keys_refused'
    | 'hints_withdrawn';
  readonly detail: string;
  /** The keys its configuration shows, and when it says it was issued. */
  readonly jwks: JwkSet;
  readonly iat: number;
  readonly at: number;
  /** When it was shown last, and what else was shown meanwhile. */
  readonly seenAt?: number;
  readonly kinds?: readonly Hold['kind'][];
}

/** What watching a member has found: its current metadata, findings with hysteresis, what is held for a person. */
export const memberWatch = sqliteTable(
  'member_watch',
  {
    memberId: text('member_id').primaryKey(),
    authorityId: text('authority_id').notNull(),
    entityId: text('entity_id').notNull(),
    checkedAt: integer('checked_at').notNull(),
    okAt: integer('ok_at'),
    failures: integer('failures').notNull(),
    /** The metadata of its own configuration, as last seen; null before the first time. */
    metadata: json<Metadata | null>('metadata'),
    configurationIat: integer('configuration_iat'),
    configurationExp: integer('configuration_exp'),
    raised: json<readonly Raised[]>('raised').notNull(),
    /** Seen, or gone, for the n-th time in a row; not yet enough to raise or to clear. */
    counting: json<Readonly<Record<string, number>>>('counting').notNull(),
    hold: json<Hold | null>('hold'),
    /** Fingerprint of the hold a person decided last: it is not raised again for the same keys. */
    dismissed: text('dismissed'),
  },
  (t) => [index('member_watch_authority').on(t.authorityId, t.entityId)],
);

/** Subjects that authenticated callers asked /resolve about and nobody has evaluated. The public plane only appends. */
export const wantedSubject = sqliteTable(
  'wanted_subject',
  {
    authorityId: text('authority_id').notNull(),
    subject: text('subject').notNull(),
    askedBy: text('asked_by').notNull(),
    askedAt: integer('asked_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.authorityId, t.subject] }), index('wanted_subject_asker').on(t.askedBy)],
);

/** What a crawl has found: its frontier while it runs, its result once it is done. The rows of the crawl before go then. */
export const crawlEntity = sqliteTable(
  'crawl_entity',
  {
    id: integer('id').primaryKey(),
    jobId: text('job_id').notNull(),
    entityId: text('entity_id').notNull(),
    superior: text('superior'),
    depth: integer('depth').notNull(),
    state: text('state', { enum: ['queued', 'done', 'failed'] }).notNull(),
  },
  (t) => [
    uniqueIndex('crawl_entity_once').on(t.jobId, t.entityId),
    index('crawl_entity_state').on(t.jobId, t.state, t.id),
    index('crawl_entity_id').on(t.entityId),
  ],
);

/**
 * The listing (§8.2) of a superior that an authority has evaluated as trusted, looked at every few minutes. What is read there
 * is nobody's statement: it only says whom to evaluate.
 */
export const superiorListing = sqliteTable(
  'superior_listing',
  {
    authorityId: text('authority_id').notNull(),
    entityId: text('entity_id').notNull(),
    /** Null: an authority of this deployment, whose members are read from the store. */
    url: text('url'),
    host: text('host').notNull(),
    /** What the last answer said of itself, and the hash of its body. */
    etag: text('etag'),
    sha256: text('sha256'),
    dueAt: integer('due_at').notNull(),
    /** Looks in a row that gave nothing; a look that never ended is one. */
    failures: integer('failures').notNull().default(0),
    checkedAt: integer('checked_at'),
    changedAt: integer('changed_at'),
    /**
     * What the last look met; null when all was well. No event tells of it: it is an observation that changes nothing that is
     * published, and comes as often as the superior likes.
     */
    problem: text('problem'),
  },
  (t) => [primaryKey({ columns: [t.authorityId, t.entityId] }), index('superior_listing_due').on(t.dueAt), index('superior_listing_of').on(t.entityId)],
);

/** Whom a superior listed when its listing changed last. */
export const listedEntity = sqliteTable(
  'listed_entity',
  {
    authorityId: text('authority_id').notNull(),
    superior: text('superior').notNull(),
    entityId: text('entity_id').notNull(),
  },
  (t) => [primaryKey({ columns: [t.authorityId, t.superior, t.entityId] }), index('listed_entity_id').on(t.authorityId, t.entityId)],
);

/** One appended fact. (authority_id, seq) is also the lock: two writers that decided on the same head pick the same seq. */
export const event = sqliteTable(
  'event',
  {
    authorityId: text('authority_id').notNull(),
    seq: integer('seq').notNull(),
    at: integer('at').notNull(),
    type: text('type').notNull(),
    subjectKind: text('subject_kind').notNull(),
    subjectId: text('subject_id').notNull(),
    actorId: text('actor_id').notNull(),
    actorKind: text('actor_kind').notNull(),
    /** Of format 1 alone; what a person wrote lies in `event_private` since. */
    reason: text('reason'),
    detail: json<Json>('detail').notNull(),
    /** What this event published: kind, key, sha256, exp of each artefact. */
    artefacts: json<readonly Json[]>('artefacts').notNull(),
    prevHash: text('prev_hash').notNull(),
    hash: text('hash').notNull(),
    /** Which fields the hash covers (audit/event-hash.ts). */
    format: integer('format').notNull().default(1),
    /** One of audit/reason-codes.ts. */
    reasonCode: text('reason_code'),
    /** SHA-256(salt ‖ payload) of its private part; null where it has none. */
    privateCommitment: text('private_commitment'),
  },
  (t) => [
    primaryKey({ columns: [t.authorityId, t.seq] }),
    index('event_subject').on(t.authorityId, t.subjectId, t.seq),
    index('event_at').on(t.authorityId, t.at, t.seq),
    index('event_actor').on(t.authorityId, t.actorId, t.seq),
    index('event_type').on(t.authorityId, t.type, t.seq),
  ],
);

/** What of an event may be erased. Its salt goes with it: what it was cannot be tried out afterwards. */
export const eventPrivate = sqliteTable(
  'event_private',
  {
    authorityId: text('authority_id').notNull(),
    seq: integer('seq').notNull(),
    /** Null, like the payload, once it was erased. */
    salt: text('salt'),
    payload: text('payload'),
    erasedAt: integer('erased_at'),
    erasedBy: text('erased_by'),
    /** The event that tells of it. */
    erasedSeq: integer('erased_seq'),
  },
  (t) => [primaryKey({ columns: [t.authorityId, t.seq] })],
);

/** Signs checkpoints and nothing else; never among the Federation Entity Keys. */
export const auditKey = sqliteTable(
  'audit_key',
  {
    id: text('id').primaryKey(),
    authorityId: text('authority_id').notNull(),
    kid: text('kid').notNull(),
    alg: text('alg').notNull(),
    jwk: json<PublicJwk>('jwk').notNull(),
    /** The private key, sealed; see keys/seal.ts. */
    sealed: text('sealed').notNull(),
    createdAt: integer('created_at').notNull(),
    /** From when on it signs no more. What it signed stays verifiable. */
    retiredAt: integer('retired_at'),
  },
  (t) => [
    uniqueIndex('audit_key_kid').on(t.authorityId, t.kid),
    /** One signs at a time. */
    uniqueIndex('audit_key_active').on(t.authorityId).where(sql`retired_at IS NULL`),
  ],
);

/** Where an event chain ended, signed: only ever added to. Several may name one event: idle days have one each. */
export const checkpoint = sqliteTable(
  'checkpoint',
  {
    authorityId: text('authority_id').notNull(),
    /** 1, 2, 3 …: also the lock of those who sign. */
    n: integer('n').notNull(),
    seq: integer('seq').notNull(),
    head: text('head').notNull(),
    iat: integer('iat').notNull(),
    kid: text('kid').notNull(),
    jws: text('jws').notNull(),
    sha256: text('sha256').notNull(),
  },
  (t) => [primaryKey({ columns: [t.authorityId, t.n] }), index('checkpoint_seq').on(t.authorityId, t.seq, t.n)],
);

export const ROLES = ['owner', 'operator', 'approver', 'responder', 'auditor'] as const;
export type Role = (typeof ROLES)[number];
/** `person`: whatever its person may. A version that knows no persons reads it as a role that may nothing. */
export const KEY_ROLES = [...ROLES, 'person'] as const;
export type KeyRole = (typeof KEY_ROLES)[number];

export const PERSON_STATES = ['active', 'ended'] as const;

/** Somebody who decides here. What a person may is in the grants, how a person signs in in the API keys. */
export const person = sqliteTable('person', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  email: text('email'),
  state: text('state', { enum: PERSON_STATES }).notNull(),
  createdAt: integer('created_at').notNull(),
  createdBy: text('created_by').notNull(),
  updatedAt: integer('updated_at').notNull(),
  endedAt: integer('ended_at'),
  v: integer('v').notNull(),
});

/** A role that a person has, for one authority or for all. It ends, and is never changed. */
export const roleGrant = sqliteTable(
  'role_grant',
  {
    id: text('id').primaryKey(),
    personId: text('person_id').notNull(),
    role: text('role', { enum: ROLES }).notNull(),
    /** Null: all authorities, and the deployment itself. */
    authorityId: text('authority_id'),
    grantedBy: text('granted_by').notNull(),
    /** The second of the two persons that it took. */
    secondBy: text('second_by'),
    grantedAt: integer('granted_at').notNull(),
    expiresAt: integer('expires_at'),
    endedAt: integer('ended_at'),
  },
  (t) => [index('role_grant_person').on(t.personId)],
);

export const PROPOSAL_KINDS = [
  'application',
  'resume',
  'widening',
  'policy',
  'role',
  'person_key',
  'quorum',
  'binding',
  'settings',
  'anchor',
  'mark',
  'mark_type',
  'delegation',
  'admission',
  'agents',
] as const;
export type ProposalKind = (typeof PROPOSAL_KINDS)[number];
/** `void`: what was proposed changed before a second person looked at it. */
export const PROPOSAL_STATES = ['open', 'done', 'refused', 'void'] as const;

/** What one person has decided and a second one has not yet. */
export const proposal = sqliteTable(
  'proposal',
  {
    id: text('id').primaryKey(),
    /** Whose affair it is; `deployment` for what concerns all. */
    authorityId: text('authority_id').notNull(),
    kind: text('kind', { enum: PROPOSAL_KINDS }).notNull(),
    subjectId: text('subject_id').notNull(),
    /** SHA-256 over what is decided. */
    digest: text('decision_digest').notNull(),
    /** What is decided, in words of the API: shown to whoever approves. */
    content: json<Json>('content').notNull(),
    /** What the first person asked for: carried out when the second approves. */
    request: json<Json>('request').notNull(),
    state: text('state', { enum: PROPOSAL_STATES }).notNull(),
    proposedBy: text('proposed_by').notNull(),
    createdAt: integer('created_at').notNull(),
    decidedAt: integer('decided_at'),
  },
  (t) => [index('proposal_subject').on(t.subjectId, t.state), index('proposal_state').on(t.state, t.createdAt, t.id)],
);

export const VERDICTS = ['approve', 'refuse'] as const;

/** What a person said about a decision. Appended, never written again. */
export const approval = sqliteTable(
  'approval',
  {
    proposalId: text('proposal_id').notNull(),
    personId: text('person_id').notNull(),
    kind: text('subject_kind', { enum: PROPOSAL_KINDS }).notNull(),
    subjectId: text('subject_id').notNull(),
    digest: text('decision_digest').notNull(),
    verdict: text('verdict', { enum: VERDICTS }).notNull(),
    note: text('note'),
    at: integer('at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.proposalId, t.personId, t.verdict] })],
);

export const apiKey = sqliteTable('api_key', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  prefix: text('prefix').notNull(),
  sha256: text('sha256').notNull().unique(),
  role: text('role', { enum: KEY_ROLES }).notNull(),
  /** Whose it is: it may what that person may, at most what its role says. Null: a machine's, nobody's. */
  personId: text('person_id'),
  /** Slugs of the authorities it may touch; null: all. */
  authorities: json<readonly string[] | null>('authorities'),
  createdAt: integer('created_at').notNull(),
  createdBy: text('created_by').notNull(),
  expiresAt: integer('expires_at'),
  revokedAt: integer('revoked_at'),
  lastUsedAt: integer('last_used_at'),
});

export const idempotency = sqliteTable(
  'idempotency',
  {
    actorId: text('actor_id').notNull(),
    key: text('key').notNull(),
    request: text('request_sha256').notNull(),
    status: integer('status').notNull(),
    /** Null where the answer held a secret: it is shown once. */
    response: text('response'),
    expiresAt: integer('expires_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.actorId, t.key] }), index('idempotency_expires').on(t.expiresAt)],
);

/** Spent client assertions, scoped by issuer. Append-only for the public plane; purged after exp. */
export const usedAssertion = sqliteTable(
  'used_assertion',
  { issuer: text('issuer').notNull(), jti: text('jti').notNull(), exp: integer('exp').notNull() },
  (t) => [primaryKey({ columns: [t.issuer, t.jti] }), index('used_assertion_exp').on(t.exp)],
);

export const JOB_KINDS = ['import', 'resign', 'crawl', 'impact'] as const;
export const JOB_STATES = ['running', 'done', 'failed', 'cancelled'] as const;

/** Work that is too large for one batch: visible, resumable, with progress. */
export const job = sqliteTable('job', {
  id: text('id').primaryKey(),
  authorityId: text('authority_id').notNull(),
  kind: text('kind', { enum: JOB_KINDS }).notNull(),
  state: text('state', { enum: JOB_STATES }).notNull(),
  total: integer('total').notNull(),
  done: integer('done').notNull(),
  refused: integer('refused').notNull(),
  /** resign: the generation to reach. import: dry run or not. */
  params: json<Json>('params').notNull(),
  createdBy: text('created_by').notNull(),
  createdAt: integer('created_at').notNull(),
  updatedAt: integer('updated_at').notNull(),
});

/** What an import refused, line by line. */
export const jobRefusal = sqliteTable(
  'job_refusal',
  {
    jobId: text('job_id').notNull(),
    line: integer('line').notNull(),
    entityId: text('entity_id'),
    code: text('code').notNull(),
    detail: text('detail').notNull(),
  },
  (t) => [primaryKey({ columns: [t.jobId, t.line] })],
);

/** Whom a dry run of an import would have enrolled, until it is closed. */
export const importEntity = sqliteTable(
  'import_entity',
  { jobId: text('job_id').notNull(), entityId: text('entity_id').notNull(), spelling: text('spelling').notNull().default('') },
  (t) => [primaryKey({ columns: [t.jobId, t.entityId] }), index('import_entity_spelling').on(t.jobId, t.spelling)],
);

/** Facts about the deployment itself, such as the last time a clock was trusted. */
export const setting = sqliteTable('setting', { name: text('name').primaryKey(), value: text('value').notNull() });

/** Who does what only one process of a deployment does at a time, and until when (seconds since the epoch). */
export const lease = sqliteTable('lease', { name: text('name').primaryKey(), holder: text('holder').notNull(), until: integer('until').notNull() });

/** The setting that withholds everything (standing.ts). The public plane reads it along with the authorities. */
export const UNCONFIRMED = 'unconfirmed';
