import { and, asc, count, eq, isNotNull, isNull, lt, lte, or, type SQL, sql } from 'drizzle-orm';
import { limits, STATUS_TYPES } from '../federation/entry.js';
import { type Database, raw, type Statement } from './database.js';
import { inLot, overList, readByList } from './lots.js';
import { MOVED_SINCE } from './narrowing-events.js';
import { artefact, keptStatusList, member, statusEntry } from './schema.js';
import { memberEnd, NEVER, NUMBER, number } from './words.js';

/** Status lists as they are made from rows, and what is kept of those that went before. */

/** What of a list is not 0, and until when that holds. */
export interface StatusSlice {
  readonly values: readonly (readonly [idx: number, value: number])[];
  /** When the first of those that are 0 ends by itself; null: none of them does before the time that was asked for. */
  readonly until: number | null;
  /** The last event of the authority's chain that all of this was read with. */
  readonly seq: number;
  /** Who came back since a time, and when. */
  readonly cameBack: readonly (readonly [idx: number, at: number])[];
}

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
 * taken back by itself, and what names a key that was halted since, is so too. Whoever is suspended is that, with all of it.
 */
const VALUE = `CASE WHEN m.id IS NULL OR NOT (${LEGIBLE}) THEN ${STATUS_TYPES.invalid}
  WHEN m.state = 'suspended' AND e.revoked_at IS NULL THEN ${STATUS_TYPES.suspended}
  WHEN m.state = 'active' AND e.revoked_at IS NULL AND ${memberEnd('m.')} > ${NUMBER} AND (e.kind = 'member' OR NOT EXISTS (
    SELECT 1 FROM status_entry_key AS k JOIN halted_key AS h ON h.thumbprint = k.thumbprint AND h.authority_id IN (e.authority_id, 'deployment') AND h.halted_at >= e.created_at
    WHERE k.authority_id = e.authority_id AND k.list = e.list AND k.idx = e.idx)) THEN ${STATUS_TYPES.valid}
  ELSE ${STATUS_TYPES.invalid} END`;

/**
 * In one statement, so that rows and the number of the event are of one moment, whichever server answers. Of places of which there is
 * nothing to say nothing comes, nor is anything kept of them on the way: it is read with each commit that moves a list.
 */
const SLICE = `SELECT (SELECT max(seq) FROM event WHERE authority_id = ?) AS idx, CAST(NULL AS NUMERIC) AS value, CAST(NULL AS NUMERIC) AS until, CAST(NULL AS NUMERIC) AS back
  UNION ALL SELECT s.idx, s.value, s.until, s.back FROM (SELECT e.idx AS idx, ${VALUE} AS value, ${memberEnd('m.')} AS until, m.not_before AS back
    FROM status_entry AS e LEFT JOIN member AS m ON m.id = e.member_id AND m.authority_id = e.authority_id
    WHERE e.authority_id = ? AND e.list = ${NUMBER} AND e.idx >= ${NUMBER} AND e.idx < ${NUMBER}) AS s
  WHERE s.value <> ${STATUS_TYPES.valid} OR s.until < ${NUMBER} OR s.back >= ${NUMBER}`;

export interface SliceAsked {
  readonly authorityId: string;
  readonly list: number;
  /** Places, the last one not among them. */
  readonly from: number;
  readonly to: number;
  readonly now: number;
  /** Who ends later is not told. */
  readonly before: number;
  /** Who came back before that is not told. */
  readonly since: number;
}

export async function statusSlice(db: Database, { authorityId, list, from, to, now, before, since }: SliceAsked): Promise<StatusSlice> {
  const text = boundSql(SLICE, [authorityId, now, authorityId, list, from, to, before, since]);
  const rows = await db.all<{ idx: number | null; value: number | null; until: number | null; back: number | null }>(text);
  const values: (readonly [number, number])[] = [];
  const cameBack: (readonly [number, number])[] = [];
  let [until, seq] = [NEVER, 0];
  for (const row of rows) {
    if (row.value === null) seq = Number(row.idx ?? 0);
    else if (Number(row.value) !== STATUS_TYPES.valid) values.push([Number(row.idx), Number(row.value)]);
    else {
      until = Math.min(until, Number(row.until ?? NEVER));
      if (row.back !== null && Number(row.back) >= since) cameBack.push([Number(row.idx), Number(row.back)]);
    }
  }
  return { values, cameBack, until: until >= before ? null : until, seq };
}

/** A text with question marks, and what stands for them. */
function boundSql(text: string, params: readonly unknown[]): SQL {
  const parts = text.split('?');
  return sql.join(
    parts.flatMap((part, n) => (n < params.length ? [sql.raw(part), sql`${params[n]}`] : [sql.raw(part)])),
    sql``,
  );
}

/** A list as it stands in its place. */
export type StatusListRow = typeof artefact.$inferSelect;

/** The lists of an authority that are withheld, due, or behind something that they may say: those are to be signed. */
export const listsBehind = (db: Database, authorityId: string, now: number): Promise<StatusListRow[]> =>
  db
    .select()
    .from(artefact)
    .where(
      and(
        eq(artefact.authorityId, authorityId),
        eq(artefact.kind, 'status_list'),
        or(isNotNull(artefact.withheld), lte(artefact.renewAt, now), sql.raw(MOVED_SINCE('artefact'))),
      ),
    )
    .orderBy(artefact.id);

/** Authorities some list of which is withheld until it is signed. */
export const withStatusListsWithheld = async (db: Database, authorityIds: readonly string[] | null): Promise<readonly string[]> => {
  const withheld = (which?: SQL) =>
    db
      .selectDistinct({ id: artefact.authorityId })
      .from(artefact)
      .where(and(eq(artefact.kind, 'status_list'), isNotNull(artefact.withheld), which));
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

/** Their rows say what is on record of their places. */
export const notePlaces = (memberIds: readonly string[]): Statement =>
  overList(
    `UPDATE member SET status_list = e.list, status_idx = e.idx FROM status_entry AS e
     WHERE member.id IN (SELECT value FROM json_each(?)) AND e.authority_id = member.authority_id AND e.kind = 'member' AND e.subject_id = member.id`,
    memberIds,
  );

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
