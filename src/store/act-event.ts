import { and, desc, eq } from 'drizzle-orm';
import { holdsText } from './conditions.js';
import type { Database } from './database.js';
import type { EventRow } from './event.js';
import { event } from './schema.js';

/** Events of a chain about a subject in whose detail a text stands, the newest first. By index. */
export const eventsSaying = (db: Database, authorityId: string, subjectId: string, text: string, most: number): Promise<EventRow[]> =>
  db
    .select()
    .from(event)
    .where(and(eq(event.authorityId, authorityId), eq(event.subjectId, subjectId), holdsText(event.detail, text)))
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
