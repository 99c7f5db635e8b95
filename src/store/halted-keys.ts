import { and, inArray, sql } from 'drizzle-orm';
import type { Database, Statement } from './database.js';
import { insertWith } from './bulk.js';
import { inLot, readByList } from './lots.js';
import { onlyWhile } from './only-while.js';
import { haltedKey } from './schema.js';
import { NUMBER } from './words.js';

/** Keys of members that somebody halted: at an authority, or (in the chain of the deployment) everywhere. */

/** The chain of the deployment: what is halted there is halted at every authority. */
export const DEPLOYMENT_CHAIN = 'deployment';

/** A key is halted, or once more: the last time counts. */
export const keepHalted = (row: typeof haltedKey.$inferInsert): Statement =>
  insertWith(
    haltedKey,
    [row],
    'ON CONFLICT (thumbprint, authority_id) DO UPDATE SET halted_at = excluded.halted_at WHERE halted_key.halted_at < excluded.halted_at',
  );

/** When each of these keys was halted last, at an authority or everywhere. */
export async function lastHalts(db: Database, authorityId: string, thumbprints: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const at = inArray(haltedKey.authorityId, [authorityId, DEPLOYMENT_CHAIN]);
  const rows = await readByList(thumbprints, (some) =>
    db
      .select()
      .from(haltedKey)
      .where(and(inLot(haltedKey.thumbprint, some), at)),
  );
  const last = new Map<string, number>();
  for (const { thumbprint, haltedAt } of rows) last.set(thumbprint, Math.max(haltedAt, last.get(thumbprint) ?? 0));
  return last;
}

/** Those that are halted at an authority. */
export const haltedAmong = async (db: Database, authorityId: string, thumbprints: readonly string[]): Promise<ReadonlySet<string>> =>
  new Set((await lastHalts(db, authorityId, thumbprints)).keys());

/** Of these keys no others were halted at an authority than those. @param chain its own, into which the keys are written */
export const whileNoOtherHalted = (chain: string, thumbprints: readonly string[], known: readonly string[]): Statement =>
  onlyWhile(
    chain,
    'NOT EXISTS (SELECT 1 FROM halted_key WHERE thumbprint IN (SELECT value FROM json_each(?)) AND authority_id IN (?, ?) AND thumbprint NOT IN (SELECT value FROM json_each(?)))',
    JSON.stringify(thumbprints),
    chain,
    DEPLOYMENT_CHAIN,
    JSON.stringify(known),
  );

/**
 * How often these keys were halted: each halt is an event, also of a key that is halted already, in the chain of an authority
 * or in that of the deployment. By index.
 * @param deployment the chain of what is no authority's in particular
 */
export async function timesHalted(db: Database, deployment: string, thumbprints: readonly string[]): Promise<number> {
  if (thumbprints.length === 0) return 0;
  const rows = await db.all<{ n: number }>(sql`SELECT count(*) AS n FROM json_each(${JSON.stringify(thumbprints)}) AS w
    JOIN (SELECT id FROM authority UNION ALL SELECT ${deployment}) AS c ON 1 = 1
    JOIN event AS e ON e.authority_id = c.id AND e.subject_id = w.value AND e.type = 'key.halted'`);
  return Number(rows[0]?.n ?? 0);
}

/** They were halted so often, and not once more. @param chain into which the keys are written */
export const whileHaltedSoOften = (chain: string, deployment: string, thumbprints: readonly string[], times: number): Statement =>
  onlyWhile(
    chain,
    `(SELECT count(*) FROM json_each(?) AS w
      JOIN (SELECT id FROM authority UNION ALL SELECT ?) AS c ON 1 = 1
      JOIN event AS e ON e.authority_id = c.id AND e.subject_id = w.value AND e.type = 'key.halted') = ${NUMBER}`,
    JSON.stringify(thumbprints),
    deployment,
    times,
  );
