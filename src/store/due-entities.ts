import { and, asc, desc, eq, gt, lte } from 'drizzle-orm';
import type { Database } from './database.js';
import { authority, knownEntity } from './schema.js';

/** Who of a line is asked for: who waits for longest, or who came within the last seconds, the newest first. */
export type Which = { readonly within?: number | undefined };

/**
 * Those of a line that are due, with their authorities, whichever state these are in. Read from one end of an index, so that it costs the same however many
 * are due in the others, or stand behind these.
 * @param now seconds since the epoch
 */
export const dueInLine = (db: Database, line: number, now: number, limit: number, { within }: Which = {}) =>
  db
    .select({ known: knownEntity, row: authority })
    .from(knownEntity)
    .innerJoin(authority, eq(authority.id, knownEntity.authorityId))
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
