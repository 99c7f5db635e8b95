import { and, asc, count, eq, isNotNull, isNull, lt, lte, or, type SQL, sql } from 'drizzle-orm';
import { limits, STATUS_TYPES } from '../federation/entry.js';
import { type Database, raw, type Statement } from './database.js';
import { inLot, overList, readByList } from './lots.js';
import { MOVED_SINCE } from './narrowing-events.js';
import { artefact, keptStatusList, member, statusEntry } from './schema.js';
import { asNumber, memberEnd, NEVER, NUMBER, number } from './words.js';

/** Status lists as they are made from rows, and what is kept of those that went before. */

/** What of a list is not 0, and until when that holds. */
export interface StatusSlice {
  readonly values: readonly (readonly [idx: number, value: number])[];
  /** When the first of those that are 0 ends by itself; null: none of them does. */
  readonly until: number | null;
  /** The last event of the authority's chain that all of this was read with. */
  readonly seq: number;
  /** Who came back since a time, and when. */
  readonly cameBack: readonly (readonly [idx: number, at: number])[];
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
 * What a place is worth. Whoever is not in force is invalid, and so is all that was issued to it, whatever that is itself; what was
 * taken back by itself, was issued before its member came back, or names a key that was halted since, is so too. Whoever is suspended is that, with all of it.
 */
const VALUE = `CASE WHEN m.id IS NULL OR e.revoked_at IS NOT NULL OR NOT (${LEGIBLE}) THEN ${STATUS_TYPES.invalid} WHEN m.state = 'suspended' THEN ${STATUS_TYPES.suspended}
  WHEN m.state = 'active' AND ${memberEnd('m.')} > ${NUMBER} AND (e.kind = 'member' OR e.created_at >= coalesce(m.not_before, 0))
    AND NOT ${NAMES_HALTED} THEN ${STATUS_TYPES.valid} ELSE ${STATUS_TYPES.invalid} END`;

const ENDS = ['valid_until', 'keys_until', 'accredited_until', 'reattest_by'].map((column) => `m.${column} IS NOT NULL`).join(' OR ');

/**
 * Of a range of places those that may be something else than valid, that end, or came back; and the last event of the chain. In one
 * statement, so that all is of one moment, whichever server answers. Most places are passed over by looking at their rows.
 */
const SLICE = `SELECT -1 AS idx, (SELECT max(seq) FROM event WHERE authority_id = ?) AS value, ${asNumber('NULL')} AS ends, ${asNumber('NULL')} AS back
  UNION ALL SELECT e.idx, ${VALUE}, ${memberEnd('m.')}, m.not_before
  FROM status_entry AS e LEFT JOIN member AS m ON m.id = e.member_id AND m.authority_id = e.authority_id
  WHERE e.authority_id = ? AND e.list = ${NUMBER} AND e.idx >= ${NUMBER} AND e.idx < ${NUMBER}
    AND (m.id IS NULL OR m.state <> 'active' OR e.revoked_at IS NOT NULL OR m.not_before >= ${NUMBER}
      OR (e.kind <> 'member' AND e.created_at < m.not_before) OR ${ENDS} OR NOT (${LEGIBLE}) OR ${NAMES_HALTED})`;

/** @param since who came back before that is not told */
export async function statusSlice(
  db: Database,
  { authorityId, list, from, to, now, since }: { authorityId: string; list: number; from: number; to: number; now: number; since: number },
): Promise<StatusSlice> {
  const rows = await db.all<Record<'idx' | 'value' | 'ends' | 'back', number | null>>(boundSql(SLICE, [authorityId, now, authorityId, list, from, to, since]));
  const places = rows.filter(({ idx }) => Number(idx) >= 0).map((row) => ({ ...row, idx: Number(row.idx), value: Number(row.value) }));
  const valid = places.filter(({ value }) => value === STATUS_TYPES.valid);
  const until = valid.reduce((least, { ends }) => Math.min(least, Number(ends ?? NEVER)), NEVER);
  return {
    values: places.filter(({ value }) => value !== STATUS_TYPES.valid).map(({ idx, value }) => [idx, value] as const),
    cameBack: valid.filter(({ back }) => back !== null && Number(back) >= since).map(({ idx, back }) => [idx, Number(back)] as const),
    until: until >= NEVER ? null : until,
    seq: Number(rows.find(({ idx }) => Number(idx) === -1)?.value ?? 0),
  };
}

/** A text with question marks, and what stands for them. */
function boundSql(text: string, params: readonly unknown[]): SQL {
  const parts = text.split('?');
  return sql.join(
    parts.flatMap((part, n) => (n < params.length ? [sql.raw(part), sql`${params[n]}`] : [sql.raw(part)])),
    sql``,
  );
}

/** Written out: there are few of them, whatever else the authority has, and whoever looks at query plans sees that. */
const IS_LIST = sql`${artefact.kind} = 'status_list'`;

/** A list as it stands in its place. */
export type StatusListRow = typeof artefact.$inferSelect;

/** The lists of an authority that are withheld, due, or behind something that they may say: those are to be signed. */
export const listsBehind = (db: Database, authorityId: string, now: number): Promise<StatusListRow[]> =>
  db
    .select()
    .from(artefact)
    .where(and(eq(artefact.authorityId, authorityId), IS_LIST, or(isNotNull(artefact.withheld), lte(artefact.renewAt, now), sql.raw(MOVED_SINCE('artefact')))))
    .orderBy(artefact.id);

/** Authorities some list of which is withheld until it is signed. */
export const withStatusListsWithheld = async (db: Database, authorityIds: readonly string[] | null): Promise<readonly string[]> => {
  const withheld = (which?: SQL) =>
    db
      .selectDistinct({ id: artefact.authorityId })
      .from(artefact)
      .where(and(IS_LIST, isNotNull(artefact.withheld), which));
  return (authorityIds === null ? await withheld() : await readByList(authorityIds, (lot) => withheld(inLot(artefact.authorityId, lot)))).map(({ id }) => id);
};

/** A list that is replaced, and a digest of what it says beside when. */
export interface Replaced {
  readonly id: number;
  readonly sha256: string;
  readonly says: string;
}

/** Of lists that say the same only one in so long is kept (seconds): each says until when it holds. */
const KEPT_EVERY = 120;
/** How long what a list said is answered (seconds). */
export const LISTS_KEPT = 24 * 60 * 60;

/** For the batch that replaces lists, before it does: those that go are kept, unless the one kept before says the same and is recent. */
export const keepReplaced = (rows: readonly Replaced[]): Statement =>
  overList(
    `INSERT INTO kept_status_list (authority_id, list, iat, exp, cut, kid, sha256, bytes, says)
     SELECT a.authority_id, CAST(a.key AS NUMERIC), a.iat, a.exp, a.cut, a.kid, a.sha256, a.bytes, json_extract(r.value, '$.says') FROM json_each(?) AS r
     JOIN artefact AS a ON a.id = ${number('r.value', '$.id')} AND a.sha256 = json_extract(r.value, '$.sha256') AND a.bytes <> ''
     WHERE NOT EXISTS (SELECT 1 FROM kept_status_list AS k WHERE k.authority_id = a.authority_id AND k.list = CAST(a.key AS NUMERIC) AND k.iat > a.iat - ${KEPT_EVERY} AND k.iat <= a.iat
       AND k.says = json_extract(r.value, '$.says') AND NOT EXISTS (
         SELECT 1 FROM kept_status_list AS l WHERE l.authority_id = k.authority_id AND l.list = k.list AND l.iat > k.iat AND l.iat <= a.iat))
     ON CONFLICT (authority_id, list, iat) DO UPDATE SET exp = excluded.exp, cut = excluded.cut, kid = excluded.kid, sha256 = excluded.sha256, bytes = excluded.bytes, says = excluded.says`,
    rows,
  );

/** What was kept of lists before then goes. */
export const forgetKeptLists = (db: Database, before: number): Statement => db.delete(keptStatusList).where(lt(keptStatusList.iat, before));

/** Places whose time has passed go: a day later nobody relies on what had them, and they may be given again. */
export const forgetStatusEntries = (before: number): readonly Statement[] => [
  raw(
    `DELETE FROM status_entry_key WHERE (authority_id, list, idx) IN (SELECT authority_id, list, idx FROM status_entry WHERE expires_at < ${NUMBER})`,
    before,
  ),
  raw(`DELETE FROM status_entry WHERE expires_at < ${NUMBER}`, before),
];

/** How many places are taken, by what for, in each list of an authority. */
export const statusCounts = (db: Database, authorityId: string) =>
  db
    .select({ list: statusEntry.list, kind: statusEntry.kind, n: count() })
    .from(statusEntry)
    .where(eq(statusEntry.authorityId, authorityId))
    .groupBy(statusEntry.list, statusEntry.kind)
    .orderBy(statusEntry.list, statusEntry.kind);

/** Members in force that have no place yet: an earlier version took them in. */
export const membersWithoutPlace = (db: Database, limit: number): Promise<{ id: string; authorityId: string }[]> =>
  db
    .select({ id: member.id, authorityId: member.authorityId })
    .from(member)
    .where(and(isNull(member.statusIdx), sql`state = 'active'`))
    .orderBy(asc(member.id))
    .limit(limit);

/** Lists that nothing has moved since they were signed. */
export const currentStatusLists = (db: Database, authorityId: string) =>
  db.all<{ key: string; bytes: string; iat: number }>(
    sql`SELECT key, bytes, iat FROM artefact WHERE authority_id = ${authorityId} AND kind = 'status_list' AND withheld IS NULL AND NOT ${sql.raw(MOVED_SINCE('artefact'))} ORDER BY id`,
  );

/** Members whose row names a place that is not the one on record for them. Whoever has none yet is given one in the background. */
export const misplacedMembers = (db: Database, authorityId: string, most: number) =>
  db.all<{ entityId: string }>(
    sql`SELECT m.entity_id AS "entityId" FROM member AS m WHERE m.authority_id = ${authorityId} AND m.status_idx IS NOT NULL AND NOT EXISTS (
      SELECT 1 FROM status_entry AS e WHERE e.authority_id = m.authority_id AND e.kind = 'member' AND e.subject_id = m.id
        AND e.list = m.status_list AND e.idx = m.status_idx) LIMIT ${most}`,
  );

/** Authorities some list of which is withheld, or behind something that it may say. */
export const authoritiesBehind = (db: Database): Promise<readonly string[]> =>
  authoritiesWith(db, sql`(artefact.withheld IS NOT NULL OR ${sql.raw(MOVED_SINCE('artefact'))})`);

/** Authorities some list of which is to be signed though nothing has changed. */
export const authoritiesDue = (db: Database, now: number): Promise<readonly string[]> => authoritiesWith(db, sql`artefact.renew_at <= ${now}`);

const authoritiesWith = async (db: Database, which: SQL): Promise<readonly string[]> =>
  (
    await db.all<{ id: string }>(
      sql`SELECT DISTINCT a.id AS id FROM authority AS a JOIN artefact ON artefact.authority_id = a.id AND artefact.kind = 'status_list'
        WHERE a.state = 'active' AND ${which} ORDER BY a.id`,
    )
  ).map(({ id }) => id);

/** Lists of authorities that are not active, and still count as due: resuming one makes its own due again. */
export const listsOfStopped = async (db: Database): Promise<readonly number[]> =>
  (
    await db.all<{ id: number }>(
      sql`SELECT l.id AS id FROM authority AS a CROSS JOIN artefact AS l
        WHERE l.authority_id = a.id AND l.kind = 'status_list' AND a.state <> 'active' AND l.renew_at IS NOT NULL ORDER BY l.id`,
    )
  ).map(({ id }) => Number(id));
