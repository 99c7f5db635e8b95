import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import { fsckFile } from './fsck.node.js';

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
    return await fsckFile(copy);
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

/**
 * Put a backup in the place of the database; the server must be stopped. One that is older than the database there is
 * refused unless the roll-back is accepted: members revoked since would come back.
 * @returns how many events are lost by it
 * @throws Error when the backup is damaged, or older and `acceptRollback` is not set
 */
export async function restoreBackup(backup: string, database: string, { acceptRollback = false } = {}): Promise<{ readonly lost: number }> {
  const { integrity, damages } = await verifyBackup(backup);
  if (integrity !== 'ok' || damages.length) throw new Error(`the backup is damaged (${integrity}, ${damages.length} finding(s)); see holdfast backup verify`);
  let lost = 0;
  if (existsSync(database)) {
    const theirs = heads(backup);
    for (const [id, seq] of heads(database)) lost += Math.max(0, seq - (theirs.get(id) ?? 0));
    if (lost > 0 && !acceptRollback)
      throw new Error(
        `the backup lacks ${lost} event(s) of the database that is there: what was suspended or revoked since would come back. If you mean it: --accept-rollback`,
      );
    renameSync(database, `${database}.before-restore-${Date.now()}`);
    for (const suffix of ['-wal', '-shm']) rmSync(`${database}${suffix}`, { force: true });
  }
  mkdirSync(dirname(database), { recursive: true });
  copyFileSync(backup, `${database}.partial`);
  renameSync(`${database}.partial`, database);
  return { lost };
}
