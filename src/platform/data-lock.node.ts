import { existsSync } from 'node:fs';
import type { LightDatabase } from '../store/light-database.js';
import { openLight } from '../store/light-sqlite.node.js';

/**
 * Who has a database open, as a lock of the operating system on a file beside it: it ends with the process that holds it,
 * however that ends. Any number of processes hold it together (`shared`); whoever replaces the file holds it alone.
 */
export interface DataLock {
  release(): void;
}

export const lockFile = (database: string): string => `${database}.lock`;

const isBusy = (error: unknown): boolean => (error as { code?: string }).code?.startsWith('SQLITE_BUSY') === true;

/**
 * @param alone true: nobody else may have the database open
 * @throws Error when another process holds the lock in a way that excludes this one
 */
export function lockDatabase(database: string, { alone = false } = {}): DataLock {
  // SQLite's own locks on an otherwise empty file: a read transaction is the shared lock, an exclusive one the other.
  const client = openLight(lockFile(database));
  try {
    client.pragma('busy_timeout = 1000');
    client.exec(alone ? 'BEGIN EXCLUSIVE' : 'BEGIN');
    if (!alone) client.prepare('SELECT count(*) FROM sqlite_master').get();
  } catch (error) {
    client.close();
    if (!isBusy(error)) throw error;
    throw new Error(alone ? `a process has ${database} open; stop it first` : `${database} is being restored; try again when that is done`);
  }
  return { release: () => void client.close() };
}

/** Has a process the database open? It is only looked at: no lock is made where none ever was. */
export function isOpenElsewhere(database: string): boolean {
  if (!existsSync(lockFile(database))) return false;
  try {
    lockDatabase(database, { alone: true }).release();
    return false;
  } catch {
    return true;
  }
}

/** How long a start waits for another one on the same folder: migrating a large database takes a while. */
const FIRST_START_MS = 60_000;

/**
 * What a start does before it serves (making or migrating the database, the first owner, the first authority) is done by one
 * process at a time: the second finds it done. Held together with anybody's shared lock.
 * @param work told whether no other process had the database open when it began
 */
export async function oneAtATime<T>(database: string, work: (alone: boolean) => Promise<T>): Promise<T> {
  const client = openLight(lockFile(database));
  try {
    return await work(await itsTurn(client, database));
  } finally {
    client.close();
  }
}

/** @returns whether no other process had the database open */
async function itsTurn(client: LightDatabase, database: string): Promise<boolean> {
  client.pragma('busy_timeout = 0');
  const until = performance.now() + FIRST_START_MS;
  for (;;) {
    try {
      const alone = nobodyElse(client);
      // A reserved lock: one process has it, whoever reads is not in its way.
      client.exec('BEGIN IMMEDIATE');
      return alone;
    } catch (error) {
      if (!isBusy(error)) throw error;
      if (performance.now() > until)
        throw new Error(`another process has been starting on ${database} for ${FIRST_START_MS / 1000} s, or restores it; try again when that is done`);
      await new Promise((done) => setTimeout(done, 50));
    }
  }
}

/** A moment of the exclusive lock, which nobody gets beside another process. */
function nobodyElse(client: LightDatabase): boolean {
  try {
    client.exec('BEGIN EXCLUSIVE; ROLLBACK');
    return true;
  } catch (error) {
    if (!isBusy(error)) throw error;
    return false;
  }
}

/** Suffixes of the files of a database that are there: what is committed may stand in the write-ahead log alone. */
export const suffixesOf = (database: string): readonly string[] => ['', '-wal', '-shm'].filter((suffix) => existsSync(`${database}${suffix}`));
