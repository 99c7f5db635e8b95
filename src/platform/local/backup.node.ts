import { chmodSync, copyFileSync, existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { openSqlite } from '../../store/sqlite.node.js';
import { isMended } from '../../operations/fsck/damage.js';
import { lacks } from '../../operations/restore/compare-heads.js';
import { type ChainHead, hashAt } from '../../store/known-heads.js';
import type { SeenHeads } from '../../operations/restore/watch-heads.js';
import { knowsCheckpoints, lastCheckpoints } from '../../store/checkpoints.js';
import type { Database } from '../../store/database.js';
import { readSignedHead } from '../../operations/restore/signed-head.js';
import { backupTime, noteBackup, unconfirmed, withhold } from '../../store/standing.js';
import { DamagedDatabase } from '../damaged.js';
import { isOpenElsewhere, lockDatabase, suffixesOf } from '../data-lock.node.js';
import { seconds } from '../deployment.node.js';
import { fsckCopy, type Report } from './fsck.node.js';
import { expectSound, orDamaged } from './integrity.node.js';
import { headsFile, readHeads } from './head-memory.node.js';
import { headsOfFile, withFile, writeInto } from './heads.node.js';
import { lostBy } from './lost-events.node.js';

/** Where the chains of a backup end, and when it was made (null: it does not say). */
export interface BackupHeads {
  readonly at: number | null;
  readonly heads: readonly ChainHead[];
}

const noBackup = (database: string) => (found: string) =>
  `no backup was made: the copy is damaged (${found}). See what holdfast fsck says of ${database}. If that is damaged too, keep it and restore the newest sound backup; if it is sound, the disk of the copy is not`;

/**
 * Copy a database that may be in use, page by page; the copy is consistent, one file, sound by SQLite's own check, and says when
 * it was made. Nothing is left of one that is not sound.
 * @param progress what is done: `copying` with its share in percent, `checking` with megabytes
 * @throws Error when the target exists
 * @throws DamagedDatabase
 */
export async function createBackup(
  database: string,
  target: string,
  progress: (what: 'copying' | 'checking', n: number) => void,
): Promise<BackupHeads & { readonly bytes: number; readonly checkpoints: string | undefined }> {
  if (!existsSync(database)) throw new Error(`there is no database ${database}`);
  if (existsSync(target)) throw new Error(`${target} exists; backups do not overwrite`);
  mkdirSync(dirname(target), { recursive: true });
  const source = openSqlite(database, { readonly: true });
  const partial = `${target}.partial`;
  const at = seconds();
  try {
    await orDamaged(noBackup(database), () =>
      source.backup(partial, {
        progress({ totalPages, remainingPages }) {
          progress('copying', totalPages ? Math.round((100 * (totalPages - remainingPages)) / totalPages) : 100);
          return 1000;
        },
      }),
    );
    chmodSync(partial, 0o600); // it holds members and the hashes of tokens
    progress('checking', Math.ceil(statSync(partial).size / 1e6));
    expectSound(partial, noBackup(database));
    // Withheld whoever puts it in the place of a database, and however; without an authority there is nothing to vouch for.
    const some = (await headsOfFile(partial)).length > 0 && !(await withFile(partial, unconfirmed));
    await writeInto(partial, [noteBackup(at), ...(some ? [withhold({ reason: 'restored', at, backupAt: at, givenUp: [] })] : [])]);
    renameSync(partial, target);
  } finally {
    source.close();
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${partial}${suffix}`, { force: true });
  }
  return { bytes: statSync(target).size, at, heads: await headsOfFile(target), checkpoints: await keepCheckpoints(target) };
}

/** The newest checkpoint of each authority beside a backup, one a line: small enough to be kept where the backup is not. */
async function keepCheckpoints(backup: string): Promise<string | undefined> {
  const last = await withFile(backup, async (db) => ((await knowsCheckpoints(db)) ? lastCheckpoints(db) : undefined));
  const all = [...(last?.values() ?? [])].map(({ jws }) => `${jws}\n`);
  if (all.length === 0) return undefined;
  const file = `${backup}.checkpoints`;
  writeFileSync(file, all.join(''), { mode: 0o644 });
  return file;
}

/** Everything fsck can find, on a copy: the backup itself is not touched. Of a sound one, where it ends. */
export async function verifyBackup(backup: string, progress?: (what: string, n: number) => void): Promise<Report & BackupHeads> {
  if (!existsSync(backup)) throw new Error(`there is no backup ${backup}`);
  const copy = `${backup}.verify-${process.pid}`;
  try {
    copyFileSync(backup, copy);
    const report = await fsckCopy(copy, progress);
    return report.integrity === 'ok' ? { ...report, at: await withFile(copy, backupTime), heads: await headsOfFile(copy) } : { ...report, at: null, heads: [] };
  } finally {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${copy}${suffix}`, { force: true });
  }
}

/** How many chains of those seen here do not stand in a database. */
async function notIn(db: Database, seen: SeenHeads): Promise<number> {
  const held = await Promise.all([...seen].map(async ([id, { seq, hash }]) => (await hashAt(db, id, seq)) === hash));
  return held.filter((one) => !one).length;
}

/** Move a database away with its write-ahead log: together they are what was acknowledged. */
function setAside(database: string): string {
  const kept = `${database}.before-restore-${Date.now()}`;
  for (const suffix of suffixesOf(database)) renameSync(`${database}${suffix}`, `${kept}${suffix}`);
  return kept;
}

export interface Restored extends BackupHeads {
  /** Events lost by it; undefined: what was there cannot be read. */
  readonly lost: number | undefined;
  /** Where what was there is kept. */
  readonly kept: string | undefined;
  /** Of a dry run: a process has it open, and has to be stopped first. */
  readonly served?: boolean;
}

interface Restoring {
  readonly acceptRollback?: boolean;
  readonly signed?: readonly string[];
  /** Check it all, and touch nothing; it may be beside a server. */
  readonly dryRun?: boolean;
}

/** @returns the events that would be lost; undefined: what is there cannot be read @throws Error when it would be older, and that is not accepted */
function expectNotOlder(backup: string, database: string, acceptRollback: boolean): number | undefined {
  const lost = existsSync(database) ? lostBy(backup, database) : 0;
  if (lost !== 0 && !acceptRollback)
    throw new Error(
      lost === undefined
        ? 'the database that is there cannot be read, so what was suspended or revoked since the backup is unknown. If you mean it: --accept-rollback'
        : `the backup lacks ${lost} event(s) of the database that is there: what was suspended or revoked since would come back. If you mean it: --accept-rollback`,
    );
  return lost;
}

/**
 * Put a backup in the place of the database. What it holds is neither signed nor served until a person has confirmed it:
 * the row that says so is in the file before the file takes the place. Refused while any process has the database open. One that is older than the
 * database there is refused unless the roll-back is accepted: members revoked since would come back.
 * @throws Error when the database is open, the backup is damaged, or it is older and `acceptRollback` is not set
 */
export async function restoreBackup(
  backup: string,
  database: string,
  { acceptRollback = false, signed = [], dryRun = false }: Restoring = {},
): Promise<Restored> {
  const { integrity, damages, at, heads } = await verifyBackup(backup);
  const grave = damages.filter((one) => !isMended(one));
  if (integrity !== 'ok' || grave.length)
    throw new DamagedDatabase(`the backup is damaged (${integrity}, ${grave.length} finding(s)); see holdfast backup verify`);
  const missing = await withFile(backup, (db) => Promise.all(signed.map(async (one) => lacks(db, heads, await readSignedHead(db, one)))));
  const lacking = missing.filter((one) => one !== undefined);
  if (lacking.length && !acceptRollback)
    throw new Error(`${lacking.join('; ')}. What was suspended or revoked in them would come back. If you mean it: --accept-rollback`);
  const seenHere = existsSync(database) ? 0 : await withFile(backup, (db) => notIn(db, readHeads(database)));
  if (seenHere && !acceptRollback)
    throw new Error(
      `the backup lacks events of ${seenHere} authority chain(s) that this machine has seen (${headsFile(database)}). If you mean it: --accept-rollback`,
    );
  if (dryRun) return { lost: expectNotOlder(backup, database, acceptRollback), kept: undefined, at, heads, served: isOpenElsewhere(database) };
  mkdirSync(dirname(database), { recursive: true, mode: 0o700 });
  const lock = lockDatabase(database, { alone: true });
  try {
    const lost = expectNotOlder(backup, database, acceptRollback);
    // The copy first: a full disk leaves everything as it was.
    copyFileSync(backup, `${database}.partial`);
    chmodSync(`${database}.partial`, 0o600);
    // Without an authority there is nothing to vouch for.
    if (heads.length) await writeInto(`${database}.partial`, [withhold({ reason: 'restored', at: seconds(), backupAt: at, givenUp: [] })]);
    const kept = suffixesOf(database).length ? setAside(database) : undefined;
    renameSync(`${database}.partial`, database);
    return { lost, kept, at, heads };
  } finally {
    rmSync(`${database}.partial`, { force: true });
    lock.release();
  }
}
