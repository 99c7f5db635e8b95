import { and, eq, sql } from 'drizzle-orm';
import type { Database } from './database.js';
import { event } from './schema.js';

/** Members of an authority that were revoked after an event of its chain, among these Entity Identifiers. By index. */
export async function revokedSince(db: Database, authorityId: string, seq: number, entityIds: readonly string[]): Promise<ReadonlySet<string>> {
  if (entityIds.length === 0) return new Set();
  const rows = await db.all<{ entityId: string }>(sql`
    SELECT DISTINCT m.entity_id AS "entityId" FROM json_each(${JSON.stringify(entityIds)}) AS w
    JOIN member AS m ON m.authority_id = ${authorityId} AND m.entity_id = w.value
    JOIN event AS e ON e.authority_id = m.authority_id AND e.subject_id = m.id AND e.seq > ${seq} AND e.type = 'member.revoked'`);
  return new Set(rows.map(({ entityId }) => entityId));
}

/** The number of the event with which something began. */
export async function beganAt(db: Database, authorityId: string, subjectId: string, type: string): Promise<number> {
  const [row] = await db
    .select({ seq: event.seq })
    .from(event)
    .where(and(eq(event.authorityId, authorityId), eq(event.subjectId, subjectId), eq(event.type, type)))
    .orderBy(event.seq)
    .limit(1);
  return row?.seq ?? 0;
}
