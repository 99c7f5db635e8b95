import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';

/** What is signed and served. */

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
