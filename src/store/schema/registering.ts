import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { json } from './json-column.js';

/** Registrations of members as clients. */

export const TOKEN_FORMATS = ['jwt', 'opaque'] as const;

/**
 * Software statements (RFC 7591 §2.3) that were signed about members. The JWT itself is not kept. Whether one is good is asked of
 * its member, as it is then: so a cut writes nothing here.
 */
export const softwareStatement = sqliteTable(
  'software_statement',
  {
    jti: text('jti').primaryKey(),
    authorityId: text('authority_id').notNull(),
    memberId: text('member_id').notNull(),
    sha256: text('sha256').notNull().unique(),
    /** Issuers of authorization servers it is for; null: whoever accepts the authority. */
    audience: json<readonly string[] | null>('audience'),
    softwareId: text('software_id'),
    softwareVersion: text('software_version'),
    scope: text('scope').notNull(),
    /** RFC 7638 thumbprints of the keys of the client that stand in it. */
    keys: json<readonly string[]>('keys').notNull(),
    entitlementVersion: integer('entitlement_version').notNull(),
    /** Of the member, its authority and the keys of that: what was signed before a cut is good no more after it. */
    cut: integer('cut').notNull(),
    createdBy: text('created_by').notNull(),
    createdAt: integer('created_at').notNull(),
    exp: integer('exp').notNull(),
    revokedAt: integer('revoked_at'),
  },
  (t) => [
    index('software_statement_authority').on(t.authorityId, t.createdAt, t.jti),
    index('software_statement_member').on(t.memberId, t.exp),
    index('software_statement_exp').on(t.exp),
  ],
);

/** Initial access tokens (RFC 7591 §3): each for one registration, at one server, by one key. The token itself is told once. */
export const initialAccessToken = sqliteTable(
  'initial_access_token',
  {
    jti: text('jti').primaryKey(),
    authorityId: text('authority_id').notNull(),
    memberId: text('member_id').notNull(),
    format: text('format', { enum: TOKEN_FORMATS }).notNull(),
    sha256: text('sha256').notNull().unique(),
    /** The issuer of the one authorization server it is for. */
    audience: text('audience').notNull(),
    /** RFC 7638 thumbprint of the key that has to sign the registration. */
    jkt: text('jkt').notNull(),
    softwareStatementJti: text('software_statement_jti'),
    cut: integer('cut').notNull(),
    createdBy: text('created_by').notNull(),
    createdAt: integer('created_at').notNull(),
    exp: integer('exp').notNull(),
    revokedAt: integer('revoked_at'),
    /** It is used up: for the request with this hash, and no other. */
    redeemedAt: integer('redeemed_at'),
    requestSha256: text('request_sha256'),
  },
  (t) => [
    index('initial_access_token_authority').on(t.authorityId, t.createdAt, t.jti),
    index('initial_access_token_member').on(t.memberId, t.exp),
    index('initial_access_token_exp').on(t.exp),
  ],
);

/** How a member became a client of an authorization server. */
export const REGISTRATION_METHODS = ['software_statement', 'automatic', 'metadata_document'] as const;

/** Clients that authorization servers reported: who holds what of a member when that is cut. */
export const clientRegistration = sqliteTable(
  'client_registration',
  {
    authorityId: text('authority_id').notNull(),
    memberId: text('member_id').notNull(),
    /** The Entity Identifier of the authorization server, which is its issuer. */
    server: text('server').notNull(),
    clientId: text('client_id').notNull(),
    method: text('method', { enum: REGISTRATION_METHODS }).notNull(),
    softwareStatementJti: text('software_statement_jti'),
    registeredAt: integer('registered_at').notNull(),
    endedAt: integer('ended_at'),
  },
  (t) => [
    primaryKey({ columns: [t.server, t.clientId, t.authorityId] }),
    index('client_registration_authority').on(t.authorityId, t.registeredAt, t.server, t.clientId),
    index('client_registration_member').on(t.memberId, t.endedAt),
    index('client_registration_ended').on(t.endedAt).where(sql`ended_at IS NOT NULL`),
  ],
);
