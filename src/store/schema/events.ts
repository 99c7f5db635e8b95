import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import type { PublicJwk } from '../../federation/entry.js';
import { json, type Json } from './json-column.js';

/** Events, what of them may be erased, and checkpoints. */

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
