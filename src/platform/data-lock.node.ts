import { existsSync } from 'node:fs';
import Sqlite from 'better-sqlite3';

/**
 * Who has a database open, as a lock of the operating system on a file beside it: it ends with the process that holds it,
 * however that ends. Any number of processes hold it together (`shared`); whoever replaces the file holds it alone.
 */
export interface DataLock {
  release(): void;
}

export const lockFile = (database: string): string => `${database}.lock`;

/**
 * @param alone true: nobody else may have the database open
 * @throws Error when another process holds the lock in a way that excludes this one
 */
export function lockDatabase(database: string, { alone = false } = {}): DataLock {
  // SQLite's own locks on an otherwise empty file: a read transaction is the shared lock, an exclusive one the other.
  const client = new Sqlite(lockFile(database));
  try {
    client.pragma('busy_timeout = 1000');
    client.exec(alone ? 'BEGIN EXCLUSIVE' : 'BEGIN');
    if (!alone) client.prepare('SELECT count(*) FROM sqlite_master').get();
  } catch (error) {
    client.close();
    if (!(error as { code?: string }).code?.startsWith('SQLITE_BUSY')) throw error;
    throw new Error(alone ? `a process has ${database} open; stop it first` : `${database} is being restored; try again when that is done`);
  }
  return { release: () => void client.close() };
}

/** Suffixes of the files of a database that are there: what is committed may stand in the write-ahead log alone. */
export const suffixesOf = (database: string): readonly string[] => ['', '-wal', '-shm'].filter((suffix) => existsSync(`${database}${suffix}`));
