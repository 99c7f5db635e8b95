import { and, asc, desc, eq, gte, inArray, lte, max, min, type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.js';
import { event } from './schema.js';

/** Part of an event chain, so that an index is read from where a page begins. */

export interface Times {
  /** Seconds: at this time or later. */
  readonly since?: number | undefined;
  /** Seconds: before this time. */
  readonly until?: number | undefined;
}

export interface Stretch {
  readonly first: number;
  readonly last: number;
}

/**
 * From where the page begins to where the stretch ends. The far end is no bound of an index (the `+`): SQLite would take two of
 * them for more telling than an actor or a type, and read the whole stretch for the three events that somebody made in it.
 */
export function within(newest: boolean, cursor: number | undefined, stretch: Stretch | undefined): SQL | undefined {
  const { first = 1, last = undefined } = stretch ?? {};
  if (newest) {
    const from = Math.min(last ?? Number.MAX_SAFE_INTEGER, cursor === undefined ? Number.MAX_SAFE_INTEGER : cursor - 1);
    return and(from === Number.MAX_SAFE_INTEGER ? undefined : lte(event.seq, from), stretch && sql`+${event.seq} >= ${first}`);
  }
  const from = Math.max(first, (cursor ?? 0) + 1);
  return and(from === 1 ? undefined : gte(event.seq, from), last === undefined ? undefined : sql`+${event.seq} <= ${last}`);
}

/** @param at the column, as an index has it or not */
const timesOf = ({ since, until }: Times, at: SQL): SQL | undefined =>
  and(since === undefined ? undefined : sql`${at} >= ${since}`, until === undefined ? undefined : sql`${at} < ${until}`);

/** By no index. */
export const betweenTimes = (times: Times): SQL | undefined => timesOf(times, sql`+${event.at}`);

/** One value by equality: an index then gives the order of the chain too. */
export const oneOf = (column: Parameters<typeof inArray>[0], values: readonly string[] | undefined): SQL | undefined => {
  const [only, ...others] = values ?? [];
  if (only === undefined) return undefined;
  return others.length ? inArray(column, [only, ...others]) : eq(column, only);
};

/** That it is one of several, by no index: another one tells more. */
export const oneOfThese = (column: Parameters<typeof inArray>[0], values: readonly string[] | undefined): SQL | undefined =>
  values === undefined || values.length < 2 ? oneOf(column, values) : sql`${column} || '' IN (SELECT value FROM json_each(${JSON.stringify(values)}))`;

/**
 * Numbers of the first events of each of these ways to be meant. Together in one condition SQLite would read the chain from one end until
 * enough are found, which of a member among a million is nearly all of it; apart, each is found by its index.
 * @param ways each finds its events by an index that ends in the sequence number
 * @param rest what holds of all of them
 */
export const firstOf = (db: Database, chain: string, ways: readonly (SQL | undefined)[], rest: SQL | undefined, newest: boolean, limit: number): SQL =>
  sql`${event.seq} IN (${sql.join(
    ways.map(
      (way) =>
        sql`SELECT seq FROM ${db
          .select({ seq: event.seq })
          .from(event)
          .where(and(eq(event.authorityId, chain), way, rest))
          .orderBy(newest ? desc(event.seq) : asc(event.seq))
          .limit(limit)} AS way`,
    ),
    sql` UNION ALL `,
  )})`;

/** @returns null when nothing happened in that time */
export async function stretchOf(db: Database, chain: string, times: Times): Promise<Stretch | null> {
  const [row] = await db
    .select({ first: min(event.seq), last: max(event.seq) })
    .from(event)
    .where(and(eq(event.authorityId, chain), timesOf(times, sql`${event.at}`)));
  return row?.first == null || row.last == null ? null : { first: Number(row.first), last: Number(row.last) };
}
