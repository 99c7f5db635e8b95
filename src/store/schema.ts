import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import type { Constraints, JwkSet, Metadata, PublicJwk } from '../federation/entry.js';

/**
 * One schema for SQLite and D1. No foreign keys and no cascades: a generated table rebuild would silently delete
 * cascading children on both engines. Times are integer seconds UTC; JSON columns hold what zod checked at the border.
 */
type Json = Readonly<Record<string, unknown>>;
const json = <T>(name: string) => text(name, { mode: 'json' }).$type<T>();

export const AUTHORITY_ENDPOINTS = ['fetch', 'list', 'historical_keys'] as const;
export type AuthorityEndpoint = (typeof AUTHORITY_ENDPOINTS)[number];
/** How an endpoint treats client authentication (OpenID Federation 1.0 §8.8). */
export const CLIENT_AUTH_MODES = ['none', 'optional', 'required'] as const;
export type ClientAuth = Partial<Record<AuthorityEndpoint, (typeof CLIENT_AUTH_MODES)[number]>>;

export const authority = sqliteTable('authority', {
  id: text('id').primaryKey(),
  slug: text('slug').notNull().unique(),
  entityId: text('entity_id').notNull().unique(),
  state: text('state', { enum: ['active', 'halted'] }).notNull(),
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
  },
  (t) => [uniqueIndex('authority_key_kid').on(t.authorityId, t.kid)],
);

export const organization = sqliteTable(
  'organization',
  {
    id: text('id').primaryKey(),
    authorityId: text('authority_id').notNull(),
    legalName: text('legal_name').notNull(),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
    v: integer('v').notNull(),
  },
  (t) => [uniqueIndex('organization_name').on(t.authorityId, t.legalName)],
);

export const MEMBER_STATES = ['applied', 'vetting', 'approved', 'active', 'suspended', 'revoked', 'archived', 'refused', 'withdrawn'] as const;
export type MemberState = (typeof MEMBER_STATES)[number];

export const member = sqliteTable(
  'member',
  {
    id: text('id').primaryKey(),
    authorityId: text('authority_id').notNull(),
    organizationId: text('organization_id'),
    entityId: text('entity_id').notNull(),
    state: text('state', { enum: MEMBER_STATES }).notNull(),
    stateReason: text('state_reason'),
    entityTypes: json<readonly string[]>('entity_types').notNull(),
    intermediate: integer('intermediate', { mode: 'boolean' }).notNull(),
    /** The Federation Entity Keys we vouch for: exactly these stand in the statement. */
    jwks: json<JwkSet>('jwks').notNull(),
    /** `iat` of the configuration the keys were last adopted from; it only rises, so an old key set cannot be replayed. */
    keysIat: integer('keys_iat'),
    metadata: json<Metadata>('metadata').notNull(),
    constraints: json<Constraints>('constraints').notNull(),
    claims: json<Json>('claims').notNull(),
    crit: json<readonly string[]>('crit').notNull(),
    statementLifetime: integer('statement_lifetime_s'),
    validUntil: integer('valid_until'),
    /** Raised by everything that narrows or cuts; evidence read before is never served after. */
    cut: integer('cut').notNull(),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
    v: integer('v').notNull(),
  },
  (t) => [
    uniqueIndex('member_entity').on(t.authorityId, t.entityId),
    index('member_state').on(t.authorityId, t.state, t.entityId),
    index('member_organization').on(t.authorityId, t.organizationId),
  ],
);

export const metadataPolicy = sqliteTable(
  'metadata_policy',
  {
    authorityId: text('authority_id').notNull(),
    version: integer('version').notNull(),
    state: text('state', { enum: ['draft', 'published', 'superseded'] }).notNull(),
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

export const ARTEFACT_KINDS = ['entity_configuration', 'statement', 'historical_keys', 'resolve', 'mark', 'mark_status', 'events', 'hosted'] as const;
export type ArtefactKind = (typeof ARTEFACT_KINDS)[number];

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
    /** Null only where the standard has no exp (historical keys). 0: withheld until re-signed. */
    exp: integer('exp'),
    /** The earliest end that no renewal may pass. */
    cap: integer('cap'),
    kid: text('kid').notNull(),
    generation: integer('generation').notNull(),
    cut: integer('cut').notNull().default(0),
    memberId: text('member_id'),
    organizationId: text('organization_id'),
    renewAt: integer('renew_at'),
    leaseUntil: integer('lease_until').notNull().default(0),
  },
  (t) => [
    uniqueIndex('artefact_place').on(t.authorityId, t.kind, t.key, t.variant),
    index('artefact_renew').on(t.renewAt),
    index('artefact_member').on(t.memberId),
    index('artefact_generation').on(t.authorityId, t.generation),
  ],
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
    reason: text('reason'),
    detail: json<Json>('detail').notNull(),
    /** What this event published: kind, key, sha256, exp of each artefact. */
    artefacts: json<readonly Json[]>('artefacts').notNull(),
    prevHash: text('prev_hash').notNull(),
    hash: text('hash').notNull(),
  },
  (t) => [primaryKey({ columns: [t.authorityId, t.seq] }), index('event_subject').on(t.authorityId, t.subjectId, t.seq)],
);

export const ROLES = ['owner', 'operator', 'approver', 'auditor'] as const;
export type Role = (typeof ROLES)[number];

export const apiKey = sqliteTable('api_key', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  prefix: text('prefix').notNull(),
  sha256: text('sha256').notNull().unique(),
  role: text('role', { enum: ROLES }).notNull(),
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

export const JOB_STATES = ['running', 'done', 'failed', 'cancelled'] as const;

/** Work that is too large for one batch: visible, resumable, with progress. */
export const job = sqliteTable('job', {
  id: text('id').primaryKey(),
  authorityId: text('authority_id').notNull(),
  kind: text('kind', { enum: ['import', 'resign'] }).notNull(),
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

/** Facts about the deployment itself, such as the last time a clock was trusted. */
export const setting = sqliteTable('setting', { name: text('name').primaryKey(), value: text('value').notNull() });
