import { and, desc, eq, inArray, sql } from 'drizzle-orm';
import { mediaTypes } from '../federation/entry.js';
import { insertRows } from './bulk.js';
import { type Database, raw, type Statement } from './database.js';
import { inLot, overList, readByList } from './lots.js';
import { STATUS_KINDS, type StatusKind, statusEntry, statusEntryKey } from './schema.js';
import { NUMBER } from './words.js';

/** Places in status lists (Token Status List): given once, kept as long as anybody may hold what names them. */

/** Where something stands: the number of the list, and the index in it. */
export interface StatusPlace {
  readonly list: number;
  readonly idx: number;
}

/** Something that is to have a place. */
export interface StatusAsked {
  readonly kind: StatusKind;
  /** Of a member its id, of anything else its `jti`. */
  readonly subjectId: string;
  /** With whom it stands and falls. */
  readonly memberId: string;
  /** Its own `exp` (seconds since the epoch); null: it has none, or is renewed. */
  readonly expiresAt?: number | null;
  /** Keys that it names, by RFC 7638 thumbprint: it falls with the halt of any of them. */
  readonly thumbprints?: readonly string[];
}

/** What is to have a place, and the one it gets. */
export type StatusNew = StatusAsked & StatusPlace;

/**
 * Give places. Where somebody else took one of them at the same moment the batch fails as a duplicate, and whoever decided
 * decides again.
 */
export const putStatusEntries = (authorityId: string, given: readonly StatusNew[], now: number): readonly Statement[] => [
  insertRows(
    statusEntry,
    given.map(({ thumbprints: _, expiresAt = null, ...one }) => ({ ...one, authorityId, expiresAt, createdAt: now })),
  ),
  ...namedKeys(authorityId, given),
  begin(authorityId, [...new Set(given.map(({ list }) => list))], now),
];

/** The list that was begun last; undefined: none was. */
export async function lastStatusList(db: Database, authorityId: string): Promise<number | undefined> {
  const [row] = await db
    .select({ list: statusEntry.list })
    .from(statusEntry)
    .where(eq(statusEntry.authorityId, authorityId))
    .orderBy(desc(statusEntry.list))
    .limit(1);
  return row?.list;
}

function namedKeys(authorityId: string, given: readonly StatusNew[]): readonly Statement[] {
  const rows = given.flatMap(({ thumbprints = [], list, idx }) => [...new Set(thumbprints)].map((thumbprint) => ({ thumbprint, authorityId, list, idx })));
  return rows.length ? [insertRows(statusEntryKey, rows)] : [];
}

/** What a place stands for, as a text. */
export const statusKey = ({ kind, subjectId }: Pick<StatusAsked, 'kind' | 'subjectId'>): string => `${kind} ${subjectId}`;

/** Those that have a place already, by `statusKey`. */
export async function statusPlacesOf(db: Database, authorityId: string, asked: readonly StatusAsked[]): Promise<Map<string, StatusPlace>> {
  const rows = await readByList(
    asked.map(({ subjectId }) => subjectId),
    (lot) =>
      db
        .select()
        .from(statusEntry)
        .where(and(eq(statusEntry.authorityId, authorityId), inArray(statusEntry.kind, [...STATUS_KINDS]), inLot(statusEntry.subjectId, lot))),
  );
  return new Map(rows.map((row) => [statusKey(row), { list: row.list, idx: row.idx }]));
}

/** Which of these places are taken. */
export async function takenIn(db: Database, authorityId: string, list: number, drawn: readonly number[]): Promise<ReadonlySet<number>> {
  const rows = await readByList(drawn, (lot) =>
    db
      .select({ idx: statusEntry.idx })
      .from(statusEntry)
      .where(
        and(
          eq(statusEntry.authorityId, authorityId),
          eq(statusEntry.list, list),
          sql`${statusEntry.idx} IN (SELECT CAST(value AS NUMERIC) FROM json_each(${lot}))`,
        ),
      ),
  );
  return new Set(rows.map(({ idx }) => idx));
}

/** Where the list has never been signed: it is to be, and until then nothing is served in its place. */
const begin = (authorityId: string, lists: readonly number[], now: number): Statement =>
  overList(
    `INSERT INTO artefact (authority_id, kind, key, variant, media_type, bytes, sha256, iat, exp, kid, generation, cut, renew_at, lease_until, withheld)
     SELECT a.id, 'status_list', n.value || '', '', '${mediaTypes.STATUS_LIST}', '', '', ${NUMBER}, ${NUMBER}, '', a.generation, 0, ${NUMBER}, 0, 'not_issued'
     FROM json_each(?) AS n JOIN authority AS a ON a.id = ? WHERE true ON CONFLICT (authority_id, kind, key, variant) DO NOTHING`,
    lists,
    (lot) => [now, now, now, lot, authorityId],
  );

/**
 * Take something back by itself, whatever its member is: its place says 1 from then on, and until the list is signed anew
 * nothing of it is served. For the batch of the act that takes it back.
 */
export const revokeStatusPlace = (authorityId: string, kind: StatusKind, subjectId: string, now: number): readonly Statement[] => [
  raw(
    `UPDATE artefact SET withheld = 'status_moved', renew_at = ${NUMBER}, lease_until = 0 WHERE authority_id = ? AND kind = 'status_list' AND variant = ''
       AND key IN (SELECT list || '' FROM status_entry WHERE authority_id = ? AND kind = ? AND subject_id = ? AND revoked_at IS NULL)`,
    now,
    authorityId,
    authorityId,
    kind,
    subjectId,
  ),
  raw(
    `UPDATE status_entry SET revoked_at = ${NUMBER} WHERE authority_id = ? AND kind = ? AND subject_id = ? AND revoked_at IS NULL`,
    now,
    authorityId,
    kind,
    subjectId,
  ),
];

/** A person took these keys away from their members: what was issued with one of them falls, wherever else the key is. */
export const revokeNaming = (removed: readonly { readonly memberId: string; readonly thumbprint: string }[], now: number): Statement =>
  overList(
    `UPDATE status_entry SET revoked_at = ${NUMBER} WHERE revoked_at IS NULL AND kind <> 'member' AND (authority_id, list, idx) IN (
       SELECT k.authority_id, k.list, k.idx FROM json_each(?) AS r JOIN status_entry_key AS k ON k.thumbprint = json_extract(r.value, '$.thumbprint')
       JOIN status_entry AS e ON e.authority_id = k.authority_id AND e.list = k.list AND e.idx = k.idx AND e.member_id = json_extract(r.value, '$.memberId'))`,
    removed,
    (lot) => [now, lot],
  );

/** Authorities of which something that was issued and stands names a key. @param authorityId only there */
export const authoritiesNaming = async (db: Database, thumbprint: string, authorityId: string | undefined): Promise<readonly string[]> =>
  (
    await db
      .selectDistinct({ id: statusEntryKey.authorityId })
      .from(statusEntryKey)
      .where(and(eq(statusEntryKey.thumbprint, thumbprint), authorityId === undefined ? undefined : eq(statusEntryKey.authorityId, authorityId)))
      .orderBy(statusEntryKey.authorityId)
  ).map(({ id }) => id);
