import { and, asc, count, eq, gte, isNotNull, isNull, lt, lte, or, type SQL, sql } from 'drizzle-orm';
import { type Database, raw, type Statement } from './database.js';
import { inLot, overList, readByList } from './lots.js';
import { MOVED_SINCE } from './narrowing-events.js';
import { artefact, keptStatusList, member, statusEntry } from './schema.js';
import { standsAbove } from './stands-above.js';
import { NUMBER, number } from './words.js';

/** Status lists as they stand and are due, and what is kept of those that went before. */

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

/** Authorities for agents, below these, that stand and some list of which is withheld until it is signed: something above them came back. */
export const agentsListsWithheld = async (db: Database, above: readonly string[]): Promise<readonly string[]> =>
  (
    await readByList(above, (lot) =>
      db.all<{ id: string }>(
        sql`SELECT DISTINCT a.id AS id FROM authority AS a CROSS JOIN artefact AS l
          WHERE a.agents_of IN (SELECT value FROM json_each(${lot})) AND a.state = 'active' AND ${sql.raw(standsAbove('a'))}
            AND l.authority_id = a.id AND l."kind" = 'status_list' AND l.withheld IS NOT NULL ORDER BY a.id`,
      ),
    )
  ).map(({ id }) => id);

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

/** The first lists of an authority, by number: what each was begun with stands there, whether it has been signed yet or not. */
export async function statusListsOf(db: Database, authorityId: string, most: number): Promise<readonly number[]> {
  const rows = await db
    .select({ list: sql<number>`CAST(${artefact.key} AS NUMERIC)` })
    .from(artefact)
    .where(and(eq(artefact.authorityId, authorityId), eq(artefact.kind, 'status_list')))
    .orderBy(sql`CAST(${artefact.key} AS NUMERIC)`)
    .limit(most);
  return rows.map(({ list }) => Number(list));
}

/** How many places of a range are taken, by what for, in a list of an authority. */
export const statusCounts = (db: Database, authorityId: string, list: number, from: number, to: number) =>
  db
    .select({ kind: statusEntry.kind, n: count() })
    .from(statusEntry)
    .where(and(eq(statusEntry.authorityId, authorityId), eq(statusEntry.list, list), gte(statusEntry.idx, from), lt(statusEntry.idx, to)))
    .groupBy(statusEntry.kind)
    .orderBy(statusEntry.kind);

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
      // From the authorities: of a million artefacts that are due each would be looked at.
      sql`SELECT DISTINCT a.id AS id FROM authority AS a CROSS JOIN artefact
        WHERE artefact.authority_id = a.id AND artefact.kind = 'status_list' AND a.state = 'active' AND ${which} ORDER BY a.id`,
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
