import { sql } from 'drizzle-orm';
import type { Database, Statement } from './database.js';
import { insertMissing } from './bulk.js';
import { inLot, readByList } from './lots.js';
import { onlyWhile } from './only-while.js';
import { haltedKey } from './schema.js';
import { NUMBER } from './words.js';

/** Keys of members that somebody halted, anywhere in the deployment. */

export const keepHalted = (row: typeof haltedKey.$inferInsert): Statement => insertMissing(haltedKey, [row]);

export const haltedAmong = async (db: Database, thumbprints: readonly string[]): Promise<ReadonlySet<string>> =>
  new Set(
    (await readByList(thumbprints, (some) => db.select({ thumbprint: haltedKey.thumbprint }).from(haltedKey).where(inLot(haltedKey.thumbprint, some)))).map(
      ({ thumbprint }) => thumbprint,
    ),
  );

/** Of these keys no others were halted than those. @param chain into which the keys are written */
export const whileNoOtherHalted = (chain: string, thumbprints: readonly string[], known: readonly string[]): Statement =>
  onlyWhile(
    chain,
    'NOT EXISTS (SELECT 1 FROM halted_key WHERE thumbprint IN (SELECT value FROM json_each(?)) AND thumbprint NOT IN (SELECT value FROM json_each(?)))',
    JSON.stringify(thumbprints),
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
