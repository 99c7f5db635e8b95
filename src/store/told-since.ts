import { and, desc, eq, gt, inArray } from 'drizzle-orm';
import type { Database } from './database.js';
import { event } from './schema.js';

/** The last event of a type about something. By index. */
export async function lastOf(db: Database, authorityId: string, subjectId: string, type: string) {
  const [row] = await db
    .select({ seq: event.seq, detail: event.detail })
    .from(event)
    .where(and(eq(event.authorityId, authorityId), eq(event.subjectId, subjectId), eq(event.type, type)))
    .orderBy(desc(event.seq))
    .limit(1);
  return row;
}

/** Does the chain tell of any of these after an event of it? Reads what was told since, and no further than the first. */
export async function toldSince(db: Database, authorityId: string, seq: number, types: readonly string[]): Promise<boolean> {
  const rows = await db
    .select({ seq: event.seq })
    .from(event)
    .where(and(eq(event.authorityId, authorityId), gt(event.seq, seq), inArray(event.type, [...types])))
    .limit(1);
  return rows.length > 0;
}
