import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import { lockDatabase, suffixesOf } from '../data-lock.node.js';
import { fsckCopy } from './fsck.node.js';

/** Copy a database that may be in use, page by page; the copy is consistent. @throws Error when the target exists */
export async function createBackup(database: string, target: string, progress: (percent: number) => void): Promise<{ readonly bytes: number }> {
  if (!existsSync(database)) throw new Error(`there is no database ${database}`);
  if (existsSync(target)) throw new Error(`${target} exists; backups do not overwrite`);
  mkdirSync(dirname(target), { recursive: true });
  const source = new Sqlite(database, { readonly: true });
  const partial = `${target}.partial`;
  try {
    await source.backup(partial, {
      progress({ totalPages, remainingPages }) {
        progress(totalPages ? Math.round((100 * (totalPages - remainingPages)) / totalPages) : 100);
        return 1000;
      },
    });
    chmodSync(partial, 0o600); // it holds members and the hashes of tokens
    renameSync(partial, target);
  } finally {
    source.close();
    rmSync(partial, { force: true });
  }
  return { bytes: statSync(target).size };
}

/** Everything fsck can find, on a copy: the backup itself is not touched. */
export async function verifyBackup(backup: string) {
  if (!existsSync(backup)) throw new Error(`there is no backup ${backup}`);
  const copy = `${backup}.verify-${process.pid}`;
  try {
    copyFileSync(backup, copy);
    return await fsckCopy(copy);
  } finally {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${copy}${suffix}`, { force: true });
  }
}

type Heads = ReadonlyMap<string, number>;

function heads(file: string): Heads {
  const client = new Sqlite(file, { readonly: true });
  try {
    const rows = client.prepare('SELECT authority_id AS id, max(seq) AS seq FROM event GROUP BY authority_id').all() as { id: string; seq: number }[];
    return new Map(rows.map(({ id, seq }) => [id, seq]));
  } finally {
    client.close();
  }
}

/** How many events the backup lacks; undefined when the database that is there cannot be read. */
function lostBy(backup: string, database: string): number | undefined {
  const theirs = heads(backup);
  try {
    return [...heads(database)].reduce((lost, [id, seq]) => lost + Math.max(0, seq - (theirs.get(id) ?? 0)), 0);
  } catch {
    return undefined;
  }
}

/** Move a database away with its write-ahead log: together they are what was acknowledged. */
function setAside(database: string): string {
  const kept = `${database}.before-restore-${Date.now()}`;
  for (const suffix of suffixesOf(database)) renameSync(`${database}${suffix}`, `${kept}${suffix}`);
  return kept;
}

/**
 * Put a backup in the place of the database. Refused while any process has the database open. One that is older than the
 * database there is refused unless the roll-back is accepted: members revoked since would come back.
 * @returns how many events are lost by it (undefined: what was there cannot be read), and where what was there is kept
 * @throws Error when the database is open, the backup is damaged, or it is older and `acceptRollback` is not set
 */
export async function restoreBackup(
  backup: string,
  database: string,
  { acceptRollback = false } = {},
): Promise<{ readonly lost: number | undefined; readonly kept: string | undefined }> {
  const { integrity, damages } = await verifyBackup(backup);
  if (integrity !== 'ok' || damages.length) throw new Error(`the backup is damaged (${integrity}, ${damages.length} finding(s)); see holdfast backup verify`);
  mkdirSync(dirname(database), { recursive: true, mode: 0o700 });
  const lock = lockDatabase(database, { alone: true });
  try {
    const there = existsSync(database);
    const lost = there ? lostBy(backup, database) : 0;
    if (lost !== 0 && !acceptRollback)
      throw new Error(
        lost === undefined
          ? 'the database that is there cannot be read, so what was suspended or revoked since the backup is unknown. If you mean it: --accept-rollback'
          : `the backup lacks ${lost} event(s) of the database that is there: what was suspended or revoked since would come back. If you mean it: --accept-rollback`,
      );
    // The copy first: a full disk leaves everything as it was.
    copyFileSync(backup, `${database}.partial`);
    chmodSync(`${database}.partial`, 0o600);
    const kept = suffixesOf(database).length ? setAside(database) : undefined;
    renameSync(`${database}.partial`, database);
    return { lost, kept };
  } finally {
    rmSync(`${database}.partial`, { force: true });
    lock.release();
  }
}
