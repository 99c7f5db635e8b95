import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';

/** Trust marks. */

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
