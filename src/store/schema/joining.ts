import { index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import type { Entitlement, Finding, JwkSet } from '../../federation/entry.js';
import { json } from './json-column.js';

/** Applications for membership. */

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
