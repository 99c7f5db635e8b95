import type { Database, Statement } from './database.js';
import { insertMissing } from './bulk.js';
import { inLot, readByList } from './lots.js';
import { onlyWhile } from './only-while.js';
import { haltedKey } from './schema.js';

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
