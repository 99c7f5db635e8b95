import { and, asc, count, eq, gt, isNull, lt, lte, ne, or, sql, type SQL } from 'drizzle-orm';
import { statementsWith } from './bundles.js';
import type { Database } from './database.js';
import { type Reach, renewable, within } from './due-artefacts.js';
import { artefact } from './schema.js';

/** Artefacts of an authority that are older than a generation: the index has them in order, so that they are counted lot by lot. */

/** What is counted. */
export interface Older {
  readonly authorityId: string;
  readonly generation: number;
}
/** So far a lot goes. */
export interface LotEnd {
  readonly generation: number;
  readonly id: number;
}

const below = ({ authorityId, generation }: Older): SQL => and(eq(artefact.authorityId, authorityId), lt(artefact.generation, generation)) as SQL;

/** Behind one end and up to the next one, which lies in the same generation. */
const lot = (older: Older, { generation, id }: LotEnd, to: LotEnd | undefined): SQL =>
  and(
    eq(artefact.authorityId, older.authorityId),
    eq(artefact.generation, generation),
    gt(artefact.id, id),
    to === undefined ? undefined : lte(artefact.id, to.id),
  ) as SQL;

/** The earliest generation that anything is of, after one; undefined: nothing is. */
export async function generationAfter(db: Database, older: Older, after: number): Promise<number | undefined> {
  const [row] = await db
    .select({ generation: artefact.generation })
    .from(artefact)
    .where(and(below(older), gt(artefact.generation, after)))
    .orderBy(asc(artefact.generation))
    .limit(1);
  return row?.generation;
}

/** Where a lot of so many ends that begins behind another one; undefined: there are no more in that generation. */
export async function lotEnd(db: Database, older: Older, from: LotEnd, size: number): Promise<LotEnd | undefined> {
  const [row] = await db
    .select({ id: artefact.id })
    .from(artefact)
    .where(lot(older, from, undefined))
    .orderBy(asc(artefact.id))
    .limit(1)
    .offset(size - 1);
  return row && { generation: from.generation, id: row.id };
}

/** Which rows are counted; all of them, where nothing is said. */
export interface Counted {
  readonly reach: Reach;
  /** Only statements about those that have it. */
  readonly bundle: string | undefined;
  /** Only what is due. */
  readonly due?: boolean;
  /** Seconds since the epoch. */
  readonly now: number;
}

/**
 * What a re-signing still has to do. Answers about others are not waited for once they have ended or are withheld: evaluating makes those
 * anew, signing does not. Nor are status lists, which are signed each minute.
 */
const stale = (db: Database, authorityId: string, { reach, bundle, due, now }: Counted): SQL | undefined =>
  and(
    renewable(now),
    due ? lte(artefact.renewAt, now) : undefined,
    ne(artefact.kind, 'status_list'),
    within(reach),
    bundle === undefined ? undefined : statementsWith(db, authorityId, bundle),
    or(ne(artefact.kind, 'resolve'), and(isNull(artefact.withheld), gt(artefact.exp, now))),
  );

/** How many there are: of a lot, or of all. */
export async function countOlder(
  db: Database,
  older: Older,
  between: { readonly from: LotEnd; readonly to: LotEnd | undefined } | undefined,
  counted?: Counted,
): Promise<number> {
  const which = between ? lot(older, between.from, between.to) : below(older);
  const [row] = await db
    .select({ n: count() })
    .from(artefact)
    .where(and(which, counted && stale(db, older.authorityId, counted)));
  return row?.n ?? 0;
}

/** Are there more than so many? */
export async function moreThan(db: Database, { authorityId, generation }: Older, most: number): Promise<boolean> {
  const rows = await db.all(
    sql`SELECT 1 AS one FROM artefact WHERE authority_id = ${authorityId} AND generation < ${generation} LIMIT 1 OFFSET ${sql.raw(String(most))}`,
  );
  return rows.length > 0;
}
