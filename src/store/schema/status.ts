import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';

/** Places in status lists. */

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
