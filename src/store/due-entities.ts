import { and, asc, desc, eq, gt, lte } from 'drizzle-orm';
import type { Database } from './database.js';
import { inLot, readByList } from './lots.js';
import type { KnownEntity } from './known-entities.js';
import { authority, knownEntity } from './schema.js';

/** Who of a line is asked for: who waits for longest, or who came within the last seconds, the newest first. */
export type Which = { readonly within?: number | undefined };

/**
 * Those of a line that are due, whichever state their authorities are in. Read from one end of an index, so that it costs the same however many
 * are due in the others, or stand behind these.
 * @param now seconds since the epoch
 */
export const dueInLine = (db: Database, line: number, now: number, limit: number, { within }: Which = {}) =>
  db
    .select()
    .from(knownEntity)
    .where(
      and(
        eq(knownEntity.line, line),
        lte(knownEntity.dueAt, now),
        within === undefined ? undefined : gt(knownEntity.dueAt, now - within),
        lte(knownEntity.leaseUntil, now),
      ),
    )
    .orderBy(within === undefined ? asc(knownEntity.dueAt) : desc(knownEntity.dueAt))
    .limit(limit);

/** The authorities that know these, each read once. */
export async function authoritiesOf(db: Database, known: readonly KnownEntity[]): Promise<ReadonlyMap<string, typeof authority.$inferSelect>> {
  const rows = await readByList([...new Set(known.map(({ authorityId }) => authorityId))], (ids) =>
    db.select().from(authority).where(inLot(authority.id, ids)),
  );
  return new Map(rows.map((row) => [row.id, row]));
}
