import { and, desc, eq, gt, inArray, lte, sql } from 'drizzle-orm';
import type { Database } from './database.js';
import { inLot, readByList } from './lots.js';
import { event } from './schema.js';

/** What cuts its subject. A cut is told in the chain also when it finds nothing left to cut: somebody may be about to give that back. */
const CUTS = [
  'member.suspended',
  'member.revoked',
  'member.key_compromised',
  'member.key_halted',
  'key.halted',
  'organization.halted',
  'authority.halted',
  'authority.retired',
  'trust_mark_type.halted',
  'trust_mark.withdrawn',
  'trust_mark.suspended',
  'trust_mark.revoked',
  'anchor.unpinned',
  'accreditation.withdrawn',
  'person.ended',
  'role.ended',
];

/** Of one subject so many are looked at. */
const NEWEST = 20;

/** Was one of these cut after an event of the chain? By index; they may be as many as the lines of an import have keys. */
export async function wasCutSince(db: Database, authorityId: string, seq: number, subjectIds: readonly string[]): Promise<boolean> {
  const rows = await readByList(subjectIds, (lot) =>
    db
      .select({ seq: event.seq })
      .from(event)
      .where(and(eq(event.authorityId, authorityId), inLot(event.subjectId, lot), gt(event.seq, seq), inArray(event.type, CUTS)))
      .limit(1),
  );
  return rows.length > 0;
}

/** What was told with the newest cuts of these, the newest first. By index. */
export async function cutsOf(
  db: Database,
  authorityId: string,
  subjectIds: readonly string[],
  upTo?: number,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const found: { readonly seq: number; readonly detail: Readonly<Record<string, unknown>> }[] = [];
  // One by one: of several in that order SQLite would read the whole chain from its end.
  for (const subjectId of new Set(subjectIds))
    found.push(
      ...(await db
        .select({ seq: event.seq, detail: event.detail })
        .from(event)
        .where(
          and(
            eq(event.authorityId, authorityId),
            eq(event.subjectId, subjectId),
            inArray(event.type, CUTS),
            upTo === undefined ? undefined : lte(event.seq, upTo),
          ),
        )
        .orderBy(desc(event.seq))
        .limit(NEWEST)),
    );
  return found
    .sort((a, b) => b.seq - a.seq)
    .slice(0, NEWEST)
    .map(({ detail }) => detail);
}

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
