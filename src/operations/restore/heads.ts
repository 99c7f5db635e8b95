import { and, eq, sql } from 'drizzle-orm';
import type { Database } from '../../store/database.js';
import { event } from '../../store/schema.js';

/** Where the event chain of an authority ends. */
export interface ChainHead {
  readonly authorityId: string;
  readonly slug: string;
  readonly entityId: string;
  readonly seq: number;
  readonly hash: string;
  /** When its last event was written. */
  readonly at: number;
}

/** The heads of all authorities, by index. */
export const headsOf = (db: Database): Promise<readonly ChainHead[]> =>
  db.all<ChainHead>(sql`
    SELECT a.id AS "authorityId", a.slug AS slug, a.entity_id AS "entityId", e.seq AS seq, e.hash AS hash, e.at AS at
    FROM authority AS a JOIN event AS e ON e.authority_id = a.id AND e.seq = (SELECT max(seq) FROM event WHERE authority_id = a.id)
    ORDER BY a.created_at, a.rowid`);

/** The hash of one event; undefined when there is none of that number. */
export async function hashAt(db: Database, authorityId: string, seq: number): Promise<string | undefined> {
  const [row] = await db
    .select({ hash: event.hash })
    .from(event)
    .where(and(eq(event.authorityId, authorityId), eq(event.seq, seq)))
    .limit(1);
  return row?.hash;
}
