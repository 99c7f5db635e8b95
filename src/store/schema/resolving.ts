import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import type { Finding, JwkSet, Metadata } from '../../federation/entry.js';
import type { UiInfos } from '../../federation/ui-info.js';
import { json, type Json } from './json-column.js';
import { ARTEFACT_KINDS } from './artefacts.js';

/** Resolving: anchors, snapshots, crawls, watches. */

/** A Trust Anchor that an authority resolves under, its keys fixed out of band (§10). */
export const anchorPin = sqliteTable(
  'anchor_pin',
  {
    authorityId: text('authority_id').notNull(),
    entityId: text('entity_id').notNull(),
    /** Null: an authority of this deployment, whose keys are read from the store. */
    jwks: json<JwkSet | null>('jwks'),
    note: text('note'),
    createdBy: text('created_by').notNull(),
    createdAt: integer('created_at').notNull(),
    checkedAt: integer('checked_at'),
    /** What the last comparison with the served configuration found; null when the keys agree. */
    problem: text('problem'),
  },
  (t) => [primaryKey({ columns: [t.authorityId, t.entityId] })],
);

export const ENTITY_SOURCES = ['member', 'crawl', 'wish'] as const;

/**
 * Those that are due stand in lines, each of which is served by itself: members that are new, or that an operator has changed,
 * one by one; those that have a verdict to lose; what was found or wished for and never looked at; those that did not answer, or
 * have no verdict to lose; members that came with many others, as by an import.
 */
export const LINES = { changed: 0, held: 1, found: 2, rest: 3, many: 4 } as const;

/** An entity that an authority evaluates as a resolver. */
export const knownEntity = sqliteTable(
  'known_entity',
  {
    authorityId: text('authority_id').notNull(),
    entityId: text('entity_id').notNull(),
    source: text('source', { enum: ENTITY_SOURCES }).notNull(),
    entityTypes: json<readonly string[]>('entity_types').notNull(),
    /** Names and the like, for people: organization_name, display_name, logo_uri … as the entity gives them. */
    about: json<Json>('about').notNull(),
    superiors: json<readonly string[]>('superiors').notNull(),
    dueAt: integer('due_at').notNull(),
    leaseUntil: integer('lease_until').notNull().default(0),
    attempts: integer('attempts').notNull().default(0),
    evaluatedAt: integer('evaluated_at'),
    /** In which line it stands while it is due: a number of `LINES`. */
    line: integer('line').notNull().default(LINES.found),
  },
  (t) => [
    primaryKey({ columns: [t.authorityId, t.entityId] }),
    index('known_entity_due').on(t.dueAt),
    // Who is next in a line, however many are due in the others.
    index('known_entity_line').on(t.line, t.dueAt),
    index('known_entity_id').on(t.entityId),
    // What was wished for is few among the many, and looked at in every turn.
    index('known_entity_wished').on(t.evaluatedAt).where(sql`source = 'wish'`),
  ],
);

export const SNAPSHOT_STATES = ['valid', 'invalid', 'unreachable'] as const;

/** The stored evaluation of one subject under one anchor. Its signed answers are artefacts of kind `resolve`. */
export const snapshot = sqliteTable(
  'snapshot',
  {
    authorityId: text('authority_id').notNull(),
    subject: text('subject').notNull(),
    trustAnchor: text('trust_anchor').notNull(),
    state: text('state', { enum: SNAPSHOT_STATES }).notNull(),
    /** Error code of §8.9 for an invalid one. */
    error: text('error'),
    entityTypes: json<readonly string[]>('entity_types').notNull(),
    /** Entity Identifiers from the subject to the anchor. */
    path: json<readonly string[]>('path').notNull(),
    trustMarkTypes: json<readonly string[]>('trust_mark_types').notNull(),
    findings: json<readonly Finding[]>('findings').notNull(),
    exp: integer('exp'),
    evaluatedAt: integer('evaluated_at').notNull(),
    /** Of its resolved metadata what a person is shown (federation/ui-info.ts). */
    uiInfos: json<UiInfos>('ui_infos').notNull().default({}),
  },
  (t) => [
    primaryKey({ columns: [t.authorityId, t.subject, t.trustAnchor] }),
    // What was not proven is looked at in every turn, however many were.
    index('snapshot_unproven').on(t.evaluatedAt).where(sql`state <> 'valid'`),
    // Who was found under an anchor, in order; and when the last evaluation was.
    index('snapshot_collected').on(t.authorityId, t.trustAnchor, t.subject),
    index('snapshot_evaluated').on(t.authorityId, t.trustAnchor, t.evaluatedAt),
    index('snapshot_evaluated').on(t.authorityId, t.trustAnchor, t.evaluatedAt),
  ],
);

/**
 * What a snapshot rests on among our own artefacts: its answers are served only while each still stands there with the
 * same `cut`. Evidence read before a halt therefore never serves, whoever publishes it later.
 */
export const snapshotLink = sqliteTable(
  'snapshot_link',
  {
    authorityId: text('authority_id').notNull(),
    subject: text('subject').notNull(),
    trustAnchor: text('trust_anchor').notNull(),
    issuerId: text('issuer_id').notNull(),
    kind: text('kind', { enum: ARTEFACT_KINDS }).notNull(),
    key: text('key').notNull(),
    variant: text('variant').notNull().default(''),
    cut: integer('cut').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.authorityId, t.subject, t.trustAnchor, t.issuerId, t.kind, t.key] }),
    index('snapshot_link_on').on(t.issuerId, t.kind, t.key),
  ],
);

/** A finding about a member that has lasted. */
export interface Raised extends Finding {
  readonly since: number;
}

/** Something about a member's configuration that is not followed until a person has looked at it. */
export interface Hold {
  readonly kind:
    | 'removed_key_shown'
    | 'key_changed_under_kid'
    | 'all_keys_replaced'
    | 'signed_by_unknown_key'
    | 'key_unproven'
    | 'keys_refused'
    | 'hints_withdrawn';
  readonly detail: string;
  /** The keys its configuration shows, and when it says it was issued. */
  readonly jwks: JwkSet;
  readonly iat: number;
  readonly at: number;
  /** When it was shown last, and what else was shown meanwhile. */
  readonly seenAt?: number;
  readonly kinds?: readonly Hold['kind'][];
}

/** What watching a member has found: its current metadata, findings with hysteresis, what is held for a person. */
export const memberWatch = sqliteTable(
  'member_watch',
  {
    memberId: text('member_id').primaryKey(),
    authorityId: text('authority_id').notNull(),
    entityId: text('entity_id').notNull(),
    checkedAt: integer('checked_at').notNull(),
    okAt: integer('ok_at'),
    failures: integer('failures').notNull(),
    /** The metadata of its own configuration, as last seen; null before the first time. */
    metadata: json<Metadata | null>('metadata'),
    configurationIat: integer('configuration_iat'),
    configurationExp: integer('configuration_exp'),
    raised: json<readonly Raised[]>('raised').notNull(),
    /** Seen, or gone, for the n-th time in a row; not yet enough to raise or to clear. */
    counting: json<Readonly<Record<string, number>>>('counting').notNull(),
    hold: json<Hold | null>('hold'),
    /** Fingerprint of the hold a person decided last: it is not raised again for the same keys. */
    dismissed: text('dismissed'),
  },
  (t) => [index('member_watch_authority').on(t.authorityId, t.entityId)],
);

/** Subjects that authenticated callers asked /resolve about and nobody has evaluated. The public plane only appends. */
export const wantedSubject = sqliteTable(
  'wanted_subject',
  {
    authorityId: text('authority_id').notNull(),
    subject: text('subject').notNull(),
    askedBy: text('asked_by').notNull(),
    askedAt: integer('asked_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.authorityId, t.subject] }), index('wanted_subject_asker').on(t.askedBy)],
);

/** What a crawl has found: its frontier while it runs, its result once it is done. The rows of the crawl before go then. */
export const crawlEntity = sqliteTable(
  'crawl_entity',
  {
    id: integer('id').primaryKey(),
    jobId: text('job_id').notNull(),
    entityId: text('entity_id').notNull(),
    superior: text('superior'),
    depth: integer('depth').notNull(),
    state: text('state', { enum: ['queued', 'done', 'failed'] }).notNull(),
  },
  (t) => [
    uniqueIndex('crawl_entity_once').on(t.jobId, t.entityId),
    index('crawl_entity_state').on(t.jobId, t.state, t.id),
    index('crawl_entity_id').on(t.entityId),
  ],
);

/**
 * The listing (§8.2) of a superior that an authority has evaluated as trusted, looked at every few minutes. What is read there
 * is nobody's statement: it only says whom to evaluate.
 */
export const superiorListing = sqliteTable(
  'superior_listing',
  {
    authorityId: text('authority_id').notNull(),
    entityId: text('entity_id').notNull(),
    /** Null: an authority of this deployment, whose members are read from the store. */
    url: text('url'),
    host: text('host').notNull(),
    /** What the last answer said of itself, and the hash of its body. */
    etag: text('etag'),
    sha256: text('sha256'),
    dueAt: integer('due_at').notNull(),
    /** Looks in a row that gave nothing; a look that never ended is one. */
    failures: integer('failures').notNull().default(0),
    checkedAt: integer('checked_at'),
    changedAt: integer('changed_at'),
    /**
     * What the last look met; null when all was well. No event tells of it: it is an observation that changes nothing that is
     * published, and comes as often as the superior likes.
     */
    problem: text('problem'),
  },
  (t) => [primaryKey({ columns: [t.authorityId, t.entityId] }), index('superior_listing_due').on(t.dueAt), index('superior_listing_of').on(t.entityId)],
);

/** Whom a superior listed when its listing changed last. */
export const listedEntity = sqliteTable(
  'listed_entity',
  {
    authorityId: text('authority_id').notNull(),
    superior: text('superior').notNull(),
    entityId: text('entity_id').notNull(),
  },
  (t) => [primaryKey({ columns: [t.authorityId, t.superior, t.entityId] }), index('listed_entity_id').on(t.authorityId, t.entityId)],
);
