import { existsSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { type Damage, fsck } from '../../operations/fsck.js';
import type { Database } from '../../store/database.js';
import { NEWER, schemaAge } from '../../store/schema-age.node.js';
import { MIGRATIONS, openStore } from '../../store/store.node.js';
import { seconds } from '../deployment.node.js';
import { databaseOf } from './heads.node.js';

export interface Report {
  readonly integrity: string;
  readonly damages: readonly Damage[];
}
type Progress = (what: string, n: number) => void;

/**
 * Check a database file as a whole: SQLite's own check, then every promise of ours. Changes nothing, so it may run beside
 * a server of any version.
 * @throws Error when there is none, or its schema is not the one this program knows
 */
export async function fsckFile(file: string, progress?: Progress): Promise<Report> {
  if (!existsSync(file)) throw new Error(`there is no database ${file}`);
  const client = new Sqlite(file, { readonly: true, fileMustExist: true });
  try {
    const age = schemaAge(client, MIGRATIONS);
    if (age === 'newer') throw new Error(NEWER);
    if (age !== 'current')
      throw new Error(`${file} has the schema of an older version. fsck changes nothing, so check it with that version, or start this one once: it migrates`);
    return await check(client, databaseOf(client), progress);
  } finally {
    client.close();
  }
}

/** The same for a copy made to be checked, of any age: it is migrated first. */
export async function fsckCopy(file: string): Promise<Report> {
  openStore(file, seconds).close();
  return fsckFile(file);
}

async function check(client: Sqlite.Database, db: Database, progress: Progress | undefined): Promise<Report> {
  const integrity = client.pragma('integrity_check', { simple: true }) as string;
  return { integrity, damages: integrity === 'ok' ? await fsck({ store: { db } }, progress) : [] };
}
