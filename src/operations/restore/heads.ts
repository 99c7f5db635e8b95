import { sql } from 'drizzle-orm';
import type { Database } from '../../store/database.js';

export { hashAt } from '../../store/known-heads.js';

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
