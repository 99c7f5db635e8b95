import { and, desc, eq, inArray } from 'drizzle-orm';
import type { Database } from './database.js';
import type { EventRow } from './event.js';
import { event } from './schema.js';

/** The newest events of a chain about some subjects. By index. */
export const newestAbout = (db: Database, authorityId: string, subjectIds: readonly string[], most: number): Promise<EventRow[]> =>
  db
    .select()
    .from(event)
    .where(and(eq(event.authorityId, authorityId), inArray(event.subjectId, [...subjectIds])))
    .orderBy(desc(event.seq))
    .limit(most);

export async function eventAt(db: Database, authorityId: string, seq: number): Promise<EventRow | undefined> {
  const [row] = await db
    .select()
    .from(event)
    .where(and(eq(event.authorityId, authorityId), eq(event.seq, seq)))
    .limit(1);
  return row;
}
