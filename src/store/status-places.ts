import { and, asc, eq, gte, inArray, or, type SQL, sql } from 'drizzle-orm';
import { limits, STATUS_TYPES } from '../federation/entry.js';
import type { Database } from './database.js';
import { lotsOf } from './lots.js';
import { NARROWING_EVENTS, PLACING_EVENTS, RESTORING_EVENTS } from './narrowing-events.js';
import { event } from './schema.js';
import { asNumber, memberEnd, NEVER, NUMBER } from './words.js';

/** What the places of status lists are worth, as the rows say it: all of a range, or those that an event may have moved. */

/** A place as its rows have it, whatever the time is. */
export interface PlaceRow {
  readonly idx: number;
  /** What it is worth before its end (`STATUS_TYPES`). */
  readonly value: number;
  /** When it ends by itself, as far as it is valid; `NEVER`: it does not. */
  readonly ends: number;
  /** When whoever stands there came back last; null: never. */
  readonly back: number | null;
}
export interface PlaceRows {
  readonly rows: readonly PlaceRow[];
  /** The last event of the authority's chain that all of this was read with. */
  readonly seq: number;
}

/** Something names a key that was halted since. Where none ever was nothing is looked up. */
const NAMES_HALTED = `(EXISTS (SELECT 1 FROM halted_key) AND e.kind <> 'member' AND EXISTS (
  SELECT 1 FROM status_entry_key AS k JOIN halted_key AS h ON h.thumbprint = k.thumbprint AND h.authority_id IN (e.authority_id, 'deployment') AND h.halted_at >= e.created_at
  WHERE k.authority_id = e.authority_id AND k.list = e.list AND k.idx = e.idx))`;

/**
 * The times that it hangs on are numbers: SQLite orders text behind them, so a damaged cell would be no end at all, and one that
 * stands in the list would have it refused by whoever reads it, for everybody.
 */
const LEGIBLE = [
  ...['valid_until', 'keys_until', 'accredited_until', 'reattest_by'].map((column) => `coalesce(m.${column}, 0) <= ${NEVER}`),
  `coalesce(m.not_before, 0) <= ${limits.MAX_TIME}`,
  `e.created_at <= ${NEVER}`,
].join(' AND ');

/**
 * What a place is worth until its end. Whoever is not in force is invalid, and so is all that was issued to it, whatever that is itself; what was
 * taken back by itself, was issued before its member came back, or names a key that was halted since, is so too. Whoever is suspended is that, with all of it.
 */
const VALUE = `CASE WHEN m.id IS NULL OR e.revoked_at IS NOT NULL OR NOT (${LEGIBLE}) THEN ${STATUS_TYPES.invalid} WHEN m.state = 'suspended' THEN ${STATUS_TYPES.suspended}
  WHEN m.state = 'active' AND (e.kind = 'member' OR e.created_at >= coalesce(m.not_before, 0)) AND NOT ${NAMES_HALTED} THEN ${STATUS_TYPES.valid} ELSE ${STATUS_TYPES.invalid} END`;

const ENDS = ['valid_until', 'keys_until', 'accredited_until', 'reattest_by'].map((column) => `m.${column} IS NOT NULL`).join(' OR ');

/** With the last event of the chain, in one statement, so that all is of one moment, whichever server answers. Takes the authority. */
const WITH_HEAD = `SELECT -1 AS idx, (SELECT max(seq) FROM event WHERE authority_id = ?) AS value, ${asNumber('NULL')} AS ends, ${asNumber('NULL')} AS back UNION ALL `;
const PLACE = `e.idx, ${VALUE}, ${memberEnd('m.')}, m.not_before`;
const OF_MEMBER = 'LEFT JOIN member AS m ON m.id = e.member_id AND m.authority_id = e.authority_id';

/**
 * A member that stands there itself, is in force and has no end, and never came back: by an index that tells it all, in order. Of a million most
 * are such, and their rows are spread over gigabytes.
 */
const PLAIN = `e.kind = 'member' AND e.revoked_at IS NULL AND e.created_at <= ${NEVER} AND EXISTS (SELECT 1 FROM member AS p INDEXED BY member_placed
  WHERE p.authority_id = e.authority_id AND p.status_list = e.list AND p.status_idx = e.idx AND p.id = e.member_id AND p.state = 'active'
    AND ${['not_before', 'valid_until', 'keys_until', 'accredited_until', 'reattest_by'].map((column) => `p.${column} IS NULL`).join(' AND ')})`;

/** Of a range of places those that may be something else than valid, that end, or came back. Most are passed over by the index, others by looking at their rows. */
const SLICE = `${WITH_HEAD} SELECT ${PLACE} FROM status_entry AS e ${OF_MEMBER}
  WHERE e.authority_id = ? AND e.list = ${NUMBER} AND e.idx >= ${NUMBER} AND e.idx < ${NUMBER} AND NOT (${PLAIN})
    AND (m.id IS NULL OR m.state <> 'active' OR e.revoked_at IS NOT NULL OR m.not_before >= ${NUMBER}
      OR (e.kind <> 'member' AND e.created_at < m.not_before) OR ${ENDS} OR NOT (${LEGIBLE}) OR ${NAMES_HALTED})`;

/** @param since who came back before that is not told */
export const placesBetween = (
  db: Database,
  { authorityId, list, from, to, since }: { authorityId: string; list: number; from: number; to: number; since: number },
): Promise<PlaceRows> => read(db, SLICE, [authorityId, authorityId, list, from, to, since]);

/** What of a list is not 0 at a time, and the last event that was read with. */
export interface StatusSlice {
  readonly values: readonly (readonly [idx: number, value: number])[];
  readonly seq: number;
}

/** A range of places as it is now, for whoever looks at it without signing. */
export async function statusSlice(
  db: Database,
  { now, ...range }: { authorityId: string; list: number; from: number; to: number; now: number; since: number },
): Promise<StatusSlice> {
  const { rows, seq } = await placesBetween(db, range);
  const values = rows.map(({ idx, value, ends }) => [idx, worth(value, ends, now)] as const);
  return { values: values.filter(([, value]) => value !== STATUS_TYPES.valid), seq };
}

/** What is valid has an end. */
export const worth = (value: number, ends: number, now: number): number => (value === STATUS_TYPES.valid && !(ends > now) ? STATUS_TYPES.invalid : value);

async function read(db: Database, text: string, params: readonly unknown[]): Promise<PlaceRows> {
  const found = await db.all<Record<'idx' | 'value' | 'ends' | 'back', number | null>>(boundSql(text, params));
  const rows = found
    .filter(({ idx }) => Number(idx) >= 0)
    .map(({ idx, value, ends, back }) => ({ idx: Number(idx), value: Number(value), ends: Number(ends ?? NEVER), back: back === null ? null : Number(back) }));
  return { rows, seq: Number(found.find(({ idx }) => Number(idx) === -1)?.value ?? 0) };
}

/** A text with question marks, and what stands for them. */
function boundSql(text: string, params: readonly unknown[]): SQL {
  const parts = text.split('?');
  return sql.join(
    parts.flatMap((part, n) => (n < params.length ? [sql.raw(part), sql`${params[n]}`] : [sql.raw(part)])),
    sql``,
  );
}

/** An event of a chain, by number and hash: another history may have the number too. */
export interface Seen {
  readonly seq: number;
  readonly hash: string;
}

/** The event with a number; undefined: there is none. */
export const seenAt = async (db: Database, authorityId: string, seq: number): Promise<Seen | undefined> =>
  (
    await db
      .select({ seq: event.seq, hash: event.hash })
      .from(event)
      .where(and(eq(event.authorityId, authorityId), eq(event.seq, seq)))
      .limit(1)
  )[0];

/** How events name whose places they may have moved, and how those are found: a list goes in as JSON, the authority follows it. */
const FOUND_BY = {
  member: '',
  organization: 'CROSS JOIN member AS n',
  issued: '',
  key: 'CROSS JOIN status_entry_key AS k',
} as const;
const IS_THERE = {
  // What is looked up by its member is kept from the index by place: that is the whole list.
  member: `e.member_id = r.value AND e.authority_id || '' = ? AND e.list + 0 = ${NUMBER}`,
  organization: `n.authority_id = ? AND n.organization_id = r.value AND e.member_id = n.id AND e.authority_id || '' = ? AND e.list + 0 = ${NUMBER}`,
  issued: `e.authority_id = ? AND e.kind IN ('software_statement', 'initial_access_token') AND e.subject_id = r.value AND e.list + 0 = ${NUMBER}`,
  key: `k.authority_id = ? AND k.thumbprint = r.value AND e.authority_id = ? AND e.list = ${NUMBER} AND e.idx = k.idx AND k.list = e.list`,
} as const;
type Whose = keyof typeof FOUND_BY;

/** Whose places may have moved. */
export type Moves = Readonly<Record<Whose, ReadonlySet<string>>>;

/** What happened since an event that a list may say, as far as it is told one by one. */
export interface Since {
  readonly moves: Moves;
  /** The last of these events. */
  readonly last: Seen;
}

const TYPES = [...NARROWING_EVENTS, ...RESTORING_EVENTS, ...PLACING_EVENTS];
/** After more events than that the list is read whole. */
const MOST_EVENTS = 1000;

/**
 * Whose places events since have moved.
 * @returns undefined: something was about everybody, it is too much, or that event is not in the chain
 */
export async function movedSince(db: Database, authorityId: string, seen: Seen): Promise<Since | undefined> {
  const [first, ...events] = await db
    .select({ seq: event.seq, hash: event.hash, type: event.type, kind: event.subjectKind, subject: event.subjectId })
    .from(event)
    .where(and(eq(event.authorityId, authorityId), gte(event.seq, seen.seq), or(eq(event.seq, seen.seq), inArray(event.type, TYPES))))
    .orderBy(asc(event.seq))
    .limit(MOST_EVENTS + 2);
  if (first?.seq !== seen.seq || first.hash !== seen.hash || events.length > MOST_EVENTS) return undefined;
  const moves = { member: new Set<string>(), organization: new Set<string>(), issued: new Set<string>(), key: new Set<string>() };
  for (const { type, kind, subject } of events) {
    const whose = whoseOf(type, kind);
    if (whose === undefined) return undefined;
    moves[whose].add(subject);
  }
  const { seq, hash } = events.at(-1) ?? first;
  return { moves, last: { seq, hash } };
}

/** Whom an event is about, by its subject. What is not surely about some is about all: a change of rules may reach anybody. */
function whoseOf(type: string, kind: string): Whose | undefined {
  if (kind === 'member' || kind === 'organization') return kind;
  if (kind === 'software_statement' || kind === 'initial_access_token') return 'issued';
  // Of keys of members this is their thumbprint; the key of an authority has a name.
  return type === 'key.halted' ? 'key' : undefined;
}

/** The places of those in a list, all of them, as they are now; `seq` is the least that any of it was read with. */
export async function placesMoved(db: Database, authorityId: string, list: number, moves: Moves): Promise<PlaceRows> {
  const all: PlaceRow[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (const whose of ['member', 'organization', 'issued', 'key'] as const)
    for (const { json } of lotsOf([...moves[whose]])) {
      const text = `${WITH_HEAD} SELECT ${PLACE} FROM json_each(?) AS r ${FOUND_BY[whose]} CROSS JOIN status_entry AS e ${OF_MEMBER} WHERE ${IS_THERE[whose]}`;
      const twice = whose === 'organization' || whose === 'key' ? [authorityId] : [];
      const { rows, seq } = await read(db, text, [authorityId, json, ...twice, authorityId, list]);
      all.push(...rows);
      least = Math.min(least, seq);
    }
  return { rows: all, seq: least };
}
