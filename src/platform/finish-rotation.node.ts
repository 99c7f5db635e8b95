import { existsSync, readFileSync, renameSync } from 'node:fs';
import { openSqlite } from '../store/sqlite.node.js';
import { importSealKey, unseal } from '../keys/seal.js';
import { lockDatabase } from './data-lock.node.js';

/**
 * A rotation of the data folder's own seal key that ended between its commit and its last step: the next key is the one that
 * opens, so it takes its place. One that ended before the commit has changed nothing, and the next rotation takes that key.
 */
export async function finishRotation(database: string, current: string, next: string): Promise<void> {
  if (!existsSync(next) || !existsSync(database)) return;
  const lock = lockDatabase(database); // throws while a rotation is going on
  const client = openSqlite(database, { readonly: true });
  try {
    const key = client.prepare('SELECT id, sealed FROM authority_key LIMIT 1').get() as { id: string; sealed: string } | undefined;
    const opens =
      key &&
      (await importSealKey(readFileSync(next, 'utf8').trim())
        .then((seal) => unseal(seal, key.id, key.sealed))
        .then(
          () => true,
          () => false,
        ));
    if (opens) renameSync(next, current);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // another start has done it
  } finally {
    client.close();
    lock.release();
  }
}
