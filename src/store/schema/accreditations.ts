import { sql } from 'drizzle-orm';
import { index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';

/** Accreditations and evidence. */

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
