import { and, asc, eq, gt, gte, lt, lte, sql } from 'drizzle-orm';
import { insertWith } from './bulk.js';
import type { Database, Statement } from './database.js';
import { auditKey, checkpoint, UNCONFIRMED } from './schema.js';

export type CheckpointRow = typeof checkpoint.$inferSelect;
export type AuditKeyRow = typeof auditKey.$inferSelect;

/** The newest checkpoint of each authority, by index. */
export async function lastCheckpoints(db: Database): Promise<ReadonlyMap<string, CheckpointRow>> {
  const rows = await db
    .select()
    .from(checkpoint)
    .where(sql`(authority_id, n) IN (SELECT a.id, (SELECT max(last.n) FROM checkpoint AS last WHERE last.authority_id = a.id) FROM authority AS a)`);
  return new Map(rows.map((row) => [row.authorityId, row]));
}

/** A file that an earlier version has written knows none. SQLite alone. */
export const knowsCheckpoints = async (db: Database): Promise<boolean> =>
  (await db.all(sql`SELECT 1 AS yes FROM sqlite_master WHERE name = 'checkpoint'`)).length > 0;

/** Those about a stretch of the chain, in the order in which they were made. */
export const checkpointsAbout = (
  db: Database,
  authorityId: string,
  from: number,
  to: number,
  after: number,
  limit: number,
): Promise<readonly CheckpointRow[]> =>
  db
    .select()
    .from(checkpoint)
    .where(and(eq(checkpoint.authorityId, authorityId), gte(checkpoint.seq, from), lte(checkpoint.seq, to), gt(checkpoint.n, after)))
    .orderBy(asc(checkpoint.n))
    .limit(limit);

export const checkpointsAfter = (db: Database, authorityId: string, after: number, limit: number): Promise<readonly CheckpointRow[]> =>
  db
    .select()
    .from(checkpoint)
    .where(and(eq(checkpoint.authorityId, authorityId), gt(checkpoint.n, after)))
    .orderBy(asc(checkpoint.n))
    .limit(limit);

/** Was one made from then on and before another time? Only where the history is confirmed are there any. */
export async function wasCheckpointed(db: Database, authorityId: string, since: number, until: number): Promise<boolean> {
  const rows = await db
    .select({ n: checkpoint.n })
    .from(checkpoint)
    .where(and(eq(checkpoint.authorityId, authorityId), gte(checkpoint.iat, since), lt(checkpoint.iat, until)))
    .limit(1);
  return rows.length > 0;
}

export const auditKeysOf = (db: Database, authorityId: string): Promise<readonly AuditKeyRow[]> =>
  db.select().from(auditKey).where(eq(auditKey.authorityId, authorityId)).orderBy(asc(auditKey.createdAt), asc(auditKey.id));

/**
 * Add a checkpoint, without an event, which would move the head: only while the chain holds what it names, it is the next of its
 * series, the key signs still, and the history is confirmed. Of two that are made at once one is kept.
 */
export const addCheckpoint = (row: CheckpointRow): Statement =>
  insertWith(
    checkpoint,
    [row],
    'ON CONFLICT DO NOTHING',
    (column) =>
      `EXISTS (SELECT 1 FROM event WHERE event.authority_id = ${column('authority_id')} AND event.seq = ${column('seq')} AND event.hash = ${column('head')})
       AND coalesce((SELECT max(before.n) FROM checkpoint AS before WHERE before.authority_id = ${column('authority_id')}), 0) = ${column('n')} - 1
       AND EXISTS (SELECT 1 FROM audit_key WHERE audit_key.authority_id = ${column('authority_id')} AND audit_key.kid = ${column('kid')} AND audit_key.retired_at IS NULL)
       AND NOT EXISTS (SELECT 1 FROM setting WHERE setting.name = '${UNCONFIRMED}')`,
  );
