import { sql } from 'drizzle-orm';
import { index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import type { Constraints, Entitlement, JwkSet, Metadata } from '../../federation/entry.js';
import { json, type Json } from './json-column.js';
import type { DomainControl, HeldIssuer, Sponsor } from './authorities.js';

/** Organizations and members. */

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
    /** Who is in force, in order, with all that the list asks of each: a million are listed without a look at their rows. */
    index('member_listed').on(t.authorityId, t.state, t.entityId, t.validUntil, t.keysUntil, t.accreditedUntil, t.reattestBy, t.intermediate),
    /** By place, with all that tells that nothing ends or cuts it: so most places of a status list are passed over (status-places.ts). */
    index('member_placed').on(t.authorityId, t.statusList, t.statusIdx, t.id, t.state, t.notBefore, t.validUntil, t.keysUntil, t.accreditedUntil, t.reattestBy),
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
