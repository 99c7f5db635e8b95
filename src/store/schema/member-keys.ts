import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import type { JwkSet } from '../../federation/entry.js';
import { KEY_PROOF_PURPOSES } from '../../federation/key-proof.js';
import { REGISTRATION_EVENTS } from '../../federation/registration-events.js';
import { json } from './json-column.js';

/** Keys of members, what they speak for, and what is barred or told of them. */

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
