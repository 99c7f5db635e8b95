import { type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.js';
import type { HandedOut } from './outstanding.js';
import { asNumber } from './words.js';

/**
 * What is counted before a cut, up to a number: of an authority with a million members everything would be read for it, while
 * whoever is about to cut waits. Rows are numbered before they are looked at, so that what is not counted costs no more either.
 */

/** So many rows of a kind are looked at. */
export const LOOKED_AT = 10_000;

interface Row {
  readonly looked: number;
  readonly n: number;
  readonly until: number | null;
}

/** @param rows a SELECT of `exp` and `counted` (1 or 0), found by index */
async function counting(db: Database, rows: SQL, most = LOOKED_AT): Promise<HandedOut> {
  const [row] = await db.all<Row>(
    sql`SELECT count(*) AS looked, count(CASE WHEN counted = 1 THEN 1 END) AS n, max(CASE WHEN counted = 1 THEN exp END) AS until FROM (${rows} LIMIT ${most}) AS few`,
  );
  return { count: Number(row?.n ?? 0), until: row?.until == null ? null : Number(row.until), more: Number(row?.looked ?? 0) >= most };
}

const NOTHING = sql.raw(asNumber('NULL'));
const lasting = (now: number): SQL => sql`CASE WHEN revoked_at IS NULL AND coalesce(exp, 0) > ${now} THEN 1 ELSE 0 END AS counted`;

/** Marks of one type. */
export const marksOfType = (db: Database, authorityId: string, type: string, now: number): Promise<HandedOut> =>
  counting(db, sql`SELECT exp, ${lasting(now)} FROM trust_mark WHERE authority_id = ${authorityId} AND trust_mark_type = ${type}`);

/** Marks that an authority issued. */
export const marksOfAuthority = (db: Database, authorityId: string, now: number): Promise<HandedOut> =>
  counting(db, sql`SELECT exp, ${lasting(now)} FROM trust_mark WHERE authority_id = ${authorityId}`);

export const statementsOfAuthority = (db: Database, authorityId: string): Promise<HandedOut> =>
  counting(db, sql`SELECT ${NOTHING} AS exp, 1 AS counted FROM artefact WHERE authority_id = ${authorityId} AND kind = 'statement'`);

/** The same, of so few that their rows are read: with the latest end. */
export const someStatements = (db: Database, authorityId: string): Promise<HandedOut> =>
  counting(
    db,
    sql`SELECT exp, 1 AS counted FROM artefact WHERE authority_id = ${authorityId} AND kind IN ('statement', 'entity_configuration')`,
    LOOKED_AT / 10,
  );

/** Resolve responses at whatever authority here that rest on what an authority vouches for. @param links which of its links */
async function answersOn(db: Database, links: SQL, where: SQL): Promise<HandedOut> {
  const [seen] = await db.all<{ readonly n: number }>(
    sql`SELECT count(*) AS n FROM (SELECT 1 AS one FROM snapshot_link WHERE ${links} LIMIT ${LOOKED_AT}) AS few`,
  );
  const found = await counting(
    db,
    sql`SELECT a.exp, 1 AS counted FROM (SELECT DISTINCT authority_id, subject FROM (SELECT authority_id, subject FROM snapshot_link WHERE ${links} LIMIT ${LOOKED_AT}) AS linked) AS l
      CROSS JOIN artefact AS a WHERE a.authority_id = l.authority_id AND a.kind = 'resolve' AND a.key = l.subject AND ${where}`,
  );
  return { ...found, more: found.more === true || Number(seen?.n ?? 0) >= LOOKED_AT };
}

/** Those that carry a mark of a type. All keys of a type lie between its line break and the character after it. */
export const answersWithMark = (db: Database, authorityId: string, type: string): Promise<HandedOut> =>
  answersOn(db, sql`issuer_id = ${authorityId} AND kind = 'mark' AND key >= ${`${type}\n`} AND key < ${`${type}\u000b`}`, sql`1 = 1`);

/** Those that rest on an authority, its own among them. */
export async function answersOfAuthority(db: Database, authorityId: string): Promise<HandedOut> {
  const own = await counting(db, sql`SELECT exp, 1 AS counted FROM artefact WHERE authority_id = ${authorityId} AND kind = 'resolve'`);
  const others = await answersOn(db, sql`issuer_id = ${authorityId}`, sql`a.authority_id <> ${authorityId}`);
  const ends = [own.until, others.until].flatMap((end) => end ?? []);
  return { count: own.count + others.count, until: ends.length ? Math.max(...ends) : null, more: own.more === true || others.more === true };
}

/** Entities below the members of an authority whose chains go through it, as evaluated. */
export async function belowAuthority(db: Database, authorityId: string): Promise<HandedOut> {
  const [row] = await db.all<{ readonly looked: number; readonly n: number }>(
    sql`SELECT count(*) AS looked, count(DISTINCT CASE WHEN subject <> key THEN subject END) AS n FROM
      (SELECT subject, key FROM snapshot_link WHERE issuer_id = ${authorityId} AND kind = 'statement' LIMIT ${LOOKED_AT}) AS few`,
  );
  return { count: Number(row?.n ?? 0), until: null, more: Number(row?.looked ?? 0) >= LOOKED_AT };
}

/** Answers of other authorities here that rest on an authority. */
export async function answersElsewhere(db: Database, authorityId: string): Promise<HandedOut> {
  const [row] = await db.all<{ readonly looked: number; readonly n: number }>(
    sql`SELECT sum(links) AS looked, count(CASE WHEN owner <> ${authorityId} THEN 1 END) AS n FROM (SELECT authority_id AS owner, subject, count(*) AS links FROM
      (SELECT authority_id, subject FROM snapshot_link WHERE issuer_id = ${authorityId} LIMIT ${LOOKED_AT}) AS few GROUP BY authority_id, subject) AS linked`,
  );
  return { count: Number(row?.n ?? 0), until: null, more: Number(row?.looked ?? 0) >= LOOKED_AT };
}

/** The next active members of an authority, along an index: how many, how many of them have subordinates, and the last of them. */
export async function activeAfter(
  db: Database,
  authorityId: string,
  after: string,
): Promise<{ readonly n: number; readonly intermediates: number; readonly last: string }> {
  const [row] = await db.all<{ readonly n: number; readonly intermediates: number; readonly last: string | null }>(
    sql`SELECT count(*) AS n, count(CASE WHEN intermediate = 1 THEN 1 END) AS intermediates, max(entity_id) AS last FROM
      (SELECT entity_id, intermediate FROM member WHERE authority_id = ${authorityId} AND state = 'active' AND entity_id > ${after} ORDER BY entity_id LIMIT ${LOOKED_AT}) AS few`,
  );
  return { n: Number(row?.n ?? 0), intermediates: Number(row?.intermediates ?? 0), last: row?.last ?? '' };
}

/** Whoever a cut is about, by id: so many that more are known to be there. */
export interface Some {
  readonly ids: readonly string[];
  readonly more: boolean;
}
const some = (rows: readonly { readonly id: string }[], most: number): Some => ({ ids: rows.slice(0, most).map(({ id }) => id), more: rows.length > most });

/** Active members of an organization under an authority. */
export const someOfOrganization = async (db: Database, authorityId: string, organizationId: string, most: number): Promise<Some> =>
  some(
    await db.all(
      sql`SELECT id FROM member WHERE authority_id = ${authorityId} AND organization_id = ${organizationId} AND state || '' = 'active' LIMIT ${most + 1}`,
    ),
    most,
  );

/** Members that have a key, by the index of keys. @param authorityId undefined: wherever it is bound */
export async function someWithKey(db: Database, thumbprint: string, authorityId: string | undefined, most: number): Promise<Some> {
  const looked = authorityId === undefined ? most + 1 : LOOKED_AT;
  const rows = await db.all<{ readonly id: string; readonly authorityId: string }>(
    sql`SELECT member_id AS id, authority_id AS "authorityId" FROM member_key WHERE thumbprint = ${thumbprint} ORDER BY member_id LIMIT ${looked}`,
  );
  const found = some(
    rows.filter((row) => authorityId === undefined || row.authorityId === authorityId),
    most,
  );
  return { ...found, more: found.more || (authorityId !== undefined && rows.length === looked) };
}

/** Of these members, those that are active, with their authorities and names. */
export const activeAmong = (
  db: Database,
  ids: readonly string[],
): Promise<readonly { readonly id: string; readonly authorityId: string; readonly entityId: string; readonly state: string }[]> =>
  db.all(
    sql`SELECT m.id, m.authority_id AS "authorityId", m.entity_id AS "entityId", m.state FROM json_each(${JSON.stringify(ids)}) AS w CROSS JOIN member AS m WHERE m.id = w.value`,
  );
