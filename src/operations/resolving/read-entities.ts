import { and, asc, eq, gt, or } from 'drizzle-orm';
import { containsText, listHas } from '../../store/conditions.js';
import { hasSnapshot, type SnapshotFilter } from '../../store/entity-query.js';
import type { KnownEntity } from '../../store/known-entities.js';
import { inLot, readByList } from '../../store/lots.js';
import { crawlEntity, type ENTITY_SOURCES, knownEntity, type SNAPSHOT_STATES, snapshot } from '../../store/schema.js';
import { anchorsOf } from './anchors.js';
import { allow, type Call } from '../call.js';
import { shownCrawl } from './crawl.js';
import type { Explanation } from '../explorer.js';
import { type Page, type PageRequest, page } from '../read.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { findAuthority } from '../registry.js';
import { searchByEntity } from '../search-by-entity.js';
import type { SnapshotRow } from './store-evaluation.js';
import { parseEntityId } from '../../federation/entry.js';

/** An entity as a resolver knows it, with its evaluation under every anchor. */
export interface EntityView extends KnownEntity {
  readonly snapshots: readonly SnapshotRow[];
}

export interface EntityFilter extends PageRequest, SnapshotFilter {
  readonly entityType?: string | undefined;
  readonly source?: (typeof ENTITY_SOURCES)[number] | undefined;
  /** Part of the identifier or of what the entity says of itself. */
  readonly q?: string | undefined;
}

/** The entity collection of a resolver: what it has evaluated, searched and paged by Entity Identifier. */
export async function listEntities(call: Call, slug: string, filter: EntityFilter): Promise<Page<EntityView>> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  const conditions = and(
    filter.source === undefined ? undefined : eq(knownEntity.source, filter.source),
    filter.entityType === undefined ? undefined : listHas(knownEntity.entityTypes, filter.entityType),
    filter.q === undefined ? undefined : or(containsText(knownEntity.entityId, filter.q), containsText(knownEntity.about, filter.q)),
    hasSnapshot(filter),
  );
  const found = await searchByEntity(call.store, 'knownEntity', { authorityId: id, conditions, isSearch: conditions !== undefined }, filter);
  const snapshots = await readByList(
    found.items.map(({ entityId }) => entityId),
    (ids) =>
      db
        .select()
        .from(snapshot)
        .where(and(eq(snapshot.authorityId, id), inLot(snapshot.subject, ids)))
        .orderBy(asc(snapshot.trustAnchor)),
  );
  return { ...found, items: found.items.map((row) => ({ ...row, snapshots: snapshots.filter(({ subject }) => subject === row.entityId) })) };
}

/** One entity with its evaluations. @throws Refusal not_found */
export async function getEntity(call: Call, slug: string, entityId: string): Promise<EntityView> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  const [row] = await db
    .select()
    .from(knownEntity)
    .where(and(eq(knownEntity.authorityId, id), eq(knownEntity.entityId, entityId)))
    .limit(1);
  if (!row) throw new Refusal('not_found', 'this resolver has not evaluated that entity');
  const snapshots = await db
    .select()
    .from(snapshot)
    .where(and(eq(snapshot.authorityId, id), eq(snapshot.subject, entityId)))
    .orderBy(asc(snapshot.trustAnchor));
  return { ...row, snapshots };
}

/** Evaluate any entity now and explain every step; nothing is stored. @throws Refusal invalid_request, temporarily_unavailable */
export async function explainEntity(call: Call, slug: string, entityId: string, trustAnchor: string | undefined): Promise<Explanation> {
  allow(call, 'probe', slug);
  const id = parseEntityId(entityId, call);
  if (!id.ok) throw refuseFindings('the entity identifier is not valid', id.findings);
  const row = await findAuthority(call.store.db, slug);
  if (trustAnchor !== undefined && !Object.hasOwn(await anchorsOf(call, row), trustAnchor))
    throw new Refusal('invalid_request', 'that trust anchor is not pinned; see: holdfast anchor list');
  return call.explorer.ask('explain', { slug, entityId, trustAnchor });
}

/**
 * Evaluate an entity now and store what is found, without waiting for its turn; one nobody knew is known from then on.
 * @throws Refusal invalid_request, wrong_state, temporarily_unavailable
 */
export async function evaluateEntity(call: Call, slug: string, entityId: string): Promise<EntityView> {
  allow(call, 'enroll', slug);
  const id = parseEntityId(entityId, call);
  if (!id.ok) throw refuseFindings('the entity identifier is not valid', id.findings);
  await call.explorer.ask('evaluate', { slug, entityId });
  return getEntity(call, slug, entityId);
}

/** A node of the graph of a federation, as the last crawl found it. */
export interface GraphNode {
  readonly entityId: string;
  readonly depth: number;
  readonly reached: boolean;
  readonly entityTypes: readonly string[];
  readonly about: Readonly<Record<string, unknown>>;
  readonly state: (typeof SNAPSHOT_STATES)[number] | null;
  /** Superiors of this entity that are in the graph: the one that listed it first, and those it names and that the crawl found. */
  readonly superiors: readonly string[];
}

/** The tree below an anchor as nodes with their edges upwards, by pages; what the last finished crawl found, whole. */
export async function readGraph(
  call: Call,
  slug: string,
  { trustAnchor, limit, cursor }: PageRequest & { readonly trustAnchor?: string | undefined },
): Promise<Page<GraphNode> & { readonly trustAnchor: string; readonly crawledAt: number | null }> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const row = await findAuthority(db, slug);
  const anchor = trustAnchor ?? row.entityId;
  const crawl = await shownCrawl(call, row.id, anchor);
  if (!crawl) return { items: [], next: null, trustAnchor: anchor, crawledAt: null };
  const [after, id] = cursor === undefined ? [0, 0] : [1, Number(cursor)];
  if (!Number.isSafeInteger(id)) throw new Refusal('invalid_request', 'the cursor is not one of ours');
  const rows = await db
    .select({ found: crawlEntity, types: knownEntity.entityTypes, about: knownEntity.about, hints: knownEntity.superiors, state: snapshot.state })
    .from(crawlEntity)
    .leftJoin(knownEntity, and(eq(knownEntity.authorityId, row.id), eq(knownEntity.entityId, crawlEntity.entityId)))
    .leftJoin(snapshot, and(eq(snapshot.authorityId, row.id), eq(snapshot.subject, crawlEntity.entityId), eq(snapshot.trustAnchor, anchor)))
    .where(and(eq(crawlEntity.jobId, crawl.id), after ? gt(crawlEntity.id, id) : undefined))
    .orderBy(asc(crawlEntity.id))
    .limit(limit + 1);
  const named = await readByList(
    rows.flatMap(({ hints }) => hints ?? []),
    (ids) =>
      db
        .select({ id: crawlEntity.entityId })
        .from(crawlEntity)
        .where(and(eq(crawlEntity.jobId, crawl.id), inLot(crawlEntity.entityId, ids))),
  );
  const inside = new Set(named.map((one) => one.id));
  const nodes = rows.map(({ found, types, about, hints, state }) => ({
    rowId: found.id,
    entityId: found.entityId,
    depth: found.depth,
    reached: found.state === 'done',
    entityTypes: types ?? [],
    about: about ?? {},
    state,
    superiors: [...new Set([...(found.superior === null ? [] : [found.superior]), ...(hints ?? []).filter((hint) => inside.has(hint))])],
  }));
  return { ...page(nodes, limit, ({ rowId }) => rowId), trustAnchor: anchor, crawledAt: crawl.updatedAt };
}
