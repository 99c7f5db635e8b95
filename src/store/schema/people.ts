import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { json, type Json } from './json-column.js';

/** Persons, roles, decisions and API keys. */

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
