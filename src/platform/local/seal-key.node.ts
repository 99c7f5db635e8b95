import { existsSync, renameSync } from 'node:fs';
import type { CryptoKey } from 'jose';
import { newSealKey } from '../../keys/random.js';
import { importSealKey } from '../../keys/seal.js';
import { resealKeys } from '../../operations/keys/reseal-keys.js';
import { createRehearsals } from '../../store/rehearse.js';
import { schemaAge } from '../../store/schema-age.node.js';
import { MIGRATIONS, openStore } from '../../store/store.node.js';
import type { Config } from '../config.js';
import { isOpenElsewhere, lockDatabase } from '../data-lock.node.js';
import { databaseFile, nextSealKeyFile, sealKeyFile, sealKeyOf, seconds } from '../deployment.node.js';
import { readSecretFile } from '../secret-files.node.js';
import { withFile } from './heads.node.js';
import { makeKeyFile } from './seal-key-file.node.js';

export interface Rotated {
  readonly keys: number;
  readonly file: string;
  /** Of a dry run: a process has the database open, and has to be stopped first. */
  readonly served?: boolean;
}

/** The key of a file, or one that is nobody's where it would be made. */
export const keyToBe = (file: string): Promise<CryptoKey> => importSealKey(existsSync(file) ? readSecretFile(file, '--new-key-file') : newSealKey());

/** @throws Error when a key opens with neither, or the database has another schema */
async function rehearsed(config: Config, database: string, file: string): Promise<{ readonly keys: number; readonly served: boolean }> {
  const [from, to] = [await importSealKey(sealKeyOf(config)), await keyToBe(file)];
  const keys = await withFile(database, async (db, client) => {
    if (schemaAge(client, MIGRATIONS) !== 'current') throw new Error(`${database} has the schema of another version; start this version once: it migrates`);
    return resealKeys({ db, change: createRehearsals({ db }, new Map()) }, from, to);
  });
  return { keys, served: isOpenElsewhere(database) };
}

/**
 * Seal all private keys under the key of a file, which is made when it is not there. All change in one commit, so whatever
 * ends this leaves all under the old key or all under the new one; run again it does what is left. What the old key opened
 * is overwritten in the file and goes from the log.
 * @param dryRun see whether each key opens, and change nothing; it may be beside a server
 * @returns how many were sealed anew (0: all were), and the file that holds the key in force
 * @throws Error when a process has the database open, or a key opens with neither
 */
export async function rotateSealKey(config: Config, given: string | undefined, dryRun = false): Promise<Rotated> {
  const database = databaseFile(config.data);
  if (!existsSync(database)) throw new Error(`there is no database ${database}`);
  // Of the data folder's own key the next one lies beside it until it takes its place.
  const kept = config.sealKey === undefined && config.development;
  const file = given ?? (kept ? nextSealKeyFile(config.data) : undefined);
  if (file === undefined) throw new Error('say where the new seal key is, or is to be made: --new-key-file <file>');
  if (dryRun) return { ...(await rehearsed(config, database, file)), file: kept && given === undefined ? sealKeyFile(config.data) : file };
  const lock = lockDatabase(database, { alone: true });
  try {
    const from = await importSealKey(sealKeyOf(config));
    if (!existsSync(file)) makeKeyFile(file);
    const to = await importSealKey(readSecretFile(file, '--new-key-file'));
    const store = openStore(database, seconds);
    try {
      store.writer.pragma('secure_delete = ON');
      const keys = await resealKeys(store, from, to);
      store.writer.pragma('wal_checkpoint(TRUNCATE)');
      if (!kept || given !== undefined) return { keys, file };
      renameSync(file, sealKeyFile(config.data));
      return { keys, file: sealKeyFile(config.data) };
    } finally {
      store.close();
    }
  } finally {
    lock.release();
  }
}
