import { isObject } from '../federation/strict-json.js';
import { type UiInfos, uiInfosOf } from '../federation/ui-info.js';
import { readCell } from './json-cell.js';
import { standsAbove } from './stands-above.js';
import { isWithheld, isWithheldAlone, restsOnVoid } from './withheld.js';
import { lasts, memberEnd } from './words.js';

/**
 * Whom an authority collects under a Trust Anchor (Entity Collection draft): its own members under itself, and whoever was
 * evaluated with a valid chain. Each row is looked at as it stands now, so a halt is seen by the next request.
 */
export interface CollectedEntity {
  readonly entityId: string;
  readonly types: readonly string[];
  readonly uiInfos: UiInfos;
  /** Types of marks that were verified when it was evaluated, and rest on nothing that has changed since. */
  readonly marks: readonly string[];
  /** Issuers that this authority vouches for with it. */
  readonly issuers: readonly unknown[];
}

/** Characters of what a superior says of one member that are read to show names. */
const MAX_SAID = 16_384;

/** That the collection is published, and when it was last changed: by an act, or by an evaluation. */
export const COLLECTION = `SELECT (SELECT max(s.evaluated_at) FROM snapshot AS s WHERE s.authority_id = a.id AND s.trust_anchor = ?) AS evaluated,
  (SELECT e.at FROM event AS e WHERE e.authority_id = a.id ORDER BY e.seq DESC LIMIT 1) AS changed
  FROM authority AS a WHERE a.id = ? AND a.state = 'active' AND ${standsAbove('a')} AND a.entity_collection = 1`;

/**
 * Members in force, as many as are to be looked at, and whether their statement is served. Parameters: `MAX_SAID`, the time twice,
 * authority, where it begins, how many.
 */
const members = (begin: string) => `SELECT m.entity_id, m.entity_types, m.vouched_issuers,
    CASE WHEN length(m.metadata) <= ? THEN m.metadata ELSE '{}' END AS metadata,
    CASE WHEN ${lasts(memberEnd('m.'))} AND NOT ${isWithheldAlone('s')} AND s.exp > ? THEN 1 ELSE 0 END AS served
  FROM (SELECT * FROM member WHERE member.authority_id = (SELECT id FROM authority AS a WHERE id = ? AND state = 'active' AND ${standsAbove('a')}) AND member.state = 'active'
    AND member.entity_id ${begin} ? ORDER BY member.entity_id LIMIT ?) AS m
  LEFT JOIN artefact AS s ON s.authority_id = m.authority_id AND s.kind = 'statement' AND s.key = m.entity_id AND s.variant = '' ORDER BY m.entity_id`;

/**
 * Whoever has a valid chain, and an answer to resolve that is served. Where a statement or configuration under it is not as it
 * was, or its issuer not active, it is left out; where that is so of anything else, a mark, it bears none until it was evaluated anew.
 */
const evaluated = (begin: string) => `SELECT c.* FROM (SELECT s.subject AS entity_id, s.entity_types, s.trust_mark_types, s.ui_infos, (
    SELECT max(CASE WHEN p.id IS NOT NULL AND i.state = 'active' AND ${standsAbove('i')} AND p.cut = l.cut AND NOT ${isWithheld('p', 'i')} AND NOT ${restsOnVoid('i')} AND (l.kind <> 'statement' OR coalesce(p.cap, s.exp) >= s.exp) THEN 0
      WHEN l.kind IN ('statement', 'entity_configuration') THEN 2 ELSE 1 END)
    FROM snapshot_link AS l LEFT JOIN authority AS i ON i.id = l.issuer_id
    LEFT JOIN artefact AS p ON p.authority_id = l.issuer_id AND p.kind = l.kind AND p.key = l.key AND p.variant = l.variant
    WHERE l.authority_id = s.authority_id AND l.subject = s.subject AND l.trust_anchor = s.trust_anchor) AS moved,
    EXISTS (SELECT 1 FROM artefact AS r WHERE r.authority_id = s.authority_id AND r.kind = 'resolve' AND r.key = s.subject AND NOT ${isWithheldAlone('r')} AND r.exp > ? AND (r.cap IS NULL OR r.cap > ?))
    AND NOT EXISTS (SELECT 1 FROM artefact AS r WHERE r.authority_id = s.authority_id AND r.kind = 'resolve' AND r.key = s.subject AND ${isWithheldAlone('r')}) AS answered
  FROM snapshot AS s INDEXED BY snapshot_collected WHERE s.authority_id = (SELECT id FROM authority AS a WHERE id = ? AND state = 'active' AND ${standsAbove('a')}) AND s.trust_anchor = ? AND s.state = 'valid'
    AND s.exp > ? AND s.subject ${begin} ? ORDER BY s.subject LIMIT ?) AS c`;

type Row = Readonly<Record<string, unknown>>;
type MaybePromise<T> = T | Promise<T>;
type Select = (sql: string, params: readonly unknown[]) => MaybePromise<readonly Row[]>;

export interface CollectionLot {
  readonly entities: readonly CollectedEntity[];
  /** Where to go on, after this one; undefined after the last lot. */
  readonly last: string | undefined;
}

/** Where a lot begins: with an identifier, or after it. */
export interface CollectionPlace {
  readonly authorityId: string;
  /** The authority is the anchor itself: its members are in its collection, evaluated or not. */
  readonly own: boolean;
  readonly trustAnchor: string;
  readonly from: string;
  readonly after: boolean;
  readonly development: boolean;
}

const listOf = (name: string, cell: unknown): readonly string[] => {
  const value = readCell(name, cell);
  return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
};
/** Of a damaged cell nothing is shown, and the others are. */
function objectOf(cell: unknown): Record<string, never> {
  try {
    const value: unknown = JSON.parse(String(cell));
    return isObject(value) ? (value as Record<string, never>) : {};
  } catch {
    return {};
  }
}

const memberOf = (row: Row, development: boolean): CollectedEntity => ({
  entityId: String(row['entity_id']),
  types: listOf('entity_types', row['entity_types']),
  uiInfos: uiInfosOf(objectOf(row['metadata']), { development }),
  marks: [],
  issuers: issuersOf(row),
});

/** As the statement says them, which stands beside: without the id that is ours. */
const issuersOf = (row: Row): readonly unknown[] => {
  const value = readCell('vouched_issuers', row['vouched_issuers']);
  return Array.isArray(value) ? value.filter(isObject).map(({ id: _, ...said }) => said) : [];
};

const entityOf = (row: Row, direct: CollectedEntity | undefined): CollectedEntity => ({
  entityId: String(row['entity_id']),
  types: listOf('entity_types', row['entity_types']),
  uiInfos: Object.fromEntries(Object.entries(objectOf(row['ui_infos'])).filter(([, claims]) => isObject(claims))),
  marks: Number(row['moved'] ?? 0) === 0 ? listOf('trust_mark_types', row['trust_mark_types']) : [],
  issuers: direct?.issuers ?? [],
});

/** Entities from a place on, in byte order: at most twice `limit` rows are looked at, whether they are in force or not. */
export async function collectionLot(
  select: Select,
  { authorityId, own, trustAnchor, from, after, development }: CollectionPlace,
  limit: number,
  now: number,
): Promise<CollectionLot> {
  const begin = after ? '>' : '>=';
  const below = await select(evaluated(begin), [now, now, authorityId, trustAnchor, now, from, limit]);
  const direct = own ? await select(members(begin), [MAX_SAID, now, now, authorityId, from, limit]) : [];
  const ends = [below, direct].filter((rows) => rows.length === limit).map((rows) => String(rows.at(-1)?.['entity_id']));
  const last = ends.sort()[0];
  const found = new Map<string, CollectedEntity>();
  for (const row of direct) if (Number(row['served']) === 1) found.set(String(row['entity_id']), memberOf(row, development));
  for (const row of below)
    if (Number(row['moved'] ?? 0) < 2 && Number(row['answered']) === 1) found.set(String(row['entity_id']), entityOf(row, found.get(String(row['entity_id']))));
  const entities = [...found.values()].filter(({ entityId }) => last === undefined || entityId <= last);
  // Entity Identifiers are ASCII, so this is the order of the store.
  return { entities: entities.sort((one, other) => (one.entityId < other.entityId ? -1 : 1)), last };
}
