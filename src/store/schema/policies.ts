import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import type { Constraints, Entitlement } from '../../federation/entry.js';
import { json, type Json } from './json-column.js';

/** Policies and bundles of entitlements. */

/** Ended: it gives nothing, and its name is never another bundle's. */
export const BUNDLE_STATES = ['active', 'ended'] as const;

/** Entitlements under a name, for members that are given them together. */
export const entitlementBundle = sqliteTable(
  'entitlement_bundle',
  {
    authorityId: text('authority_id').notNull(),
    name: text('name').notNull(),
    state: text('state', { enum: BUNDLE_STATES }).notNull(),
    description: text('description'),
    entitlements: json<readonly Entitlement[]>('entitlements').notNull(),
    createdBy: text('created_by').notNull(),
    createdAt: integer('created_at').notNull(),
    updatedAt: integer('updated_at').notNull(),
    v: integer('v').notNull(),
  },
  (t) => [primaryKey({ columns: [t.authorityId, t.name] })],
);

/** `reporting`: members that would break are told apart, nothing is published. */
export const POLICY_STATES = ['draft', 'reporting', 'published', 'superseded'] as const;

export const metadataPolicy = sqliteTable(
  'metadata_policy',
  {
    authorityId: text('authority_id').notNull(),
    version: integer('version').notNull(),
    state: text('state', { enum: POLICY_STATES }).notNull(),
    policy: json<Json>('metadata_policy').notNull(),
    crit: json<readonly string[]>('metadata_policy_crit').notNull(),
    constraints: json<Constraints>('constraints').notNull(),
    note: text('note'),
    createdBy: text('created_by').notNull(),
    createdAt: integer('created_at').notNull(),
    publishedAt: integer('published_at'),
  },
  (t) => [primaryKey({ columns: [t.authorityId, t.version] })],
);
