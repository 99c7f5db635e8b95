import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { openSqlite, type SqliteDatabase } from '../../store/sqlite.node.js';
import { type Damage, fsck } from '../../operations/fsck.js';
import { NEWER, type SchemaAge, schemaAge } from '../../store/schema-age.node.js';
import { hashOf } from '../../store/evidence-files.node.js';
import { MIGRATIONS, openStore } from '../../store/store.node.js';
import { seconds } from '../deployment.node.js';
import { evidenceFolder } from '../files.node.js';
import { databaseOf } from './heads.node.js';
import { integrityOf } from './integrity.node.js';

export interface Report {
  /** `ok`, or what SQLite's own check found. */
  readonly integrity: string;
  readonly damages: readonly Damage[];
}
type Progress = (what: string, n: number) => void;

const ageOf = (client: SqliteDatabase): SchemaAge | undefined => {
  try {
    return schemaAge(client, MIGRATIONS);
  } catch {
    return undefined;
  }
};

/**
 * Check a database file as a whole: SQLite's own check, then every promise of ours, also where the first found something: rows
 * that can be read are looked at. Changes nothing, and looks at one moment, so it may run beside a server of any version.
 * @throws Error when there is none, or its schema is not the one this program knows
 */
export async function fsckFile(file: string, progress: Progress = () => undefined, evidence: string | null = evidenceFolder(dirname(file))): Promise<Report> {
  if (!existsSync(file)) throw new Error(`there is no database ${file}`);
  const client = openSqlite(file, { readonly: true, fileMustExist: true });
  try {
    progress('MB of the file', Math.ceil(statSync(file).size / 1e6));
    const integrity = integrityOf(client, 'integrity_check');
    const age = ageOf(client);
    if (integrity !== 'ok' && age !== 'current') return { integrity, damages: [] };
    if (age === 'newer') throw new Error(NEWER);
    if (age !== 'current')
      throw new Error(`${file} has the schema of an older version. fsck changes nothing, so check it with that version, or start this one once: it migrates`);
    client.exec('BEGIN');
    return {
      integrity,
      damages: await fsck(
        { store: { db: databaseOf(client) }, ...(evidence !== null && { hashOfEvidence: (sha256: string) => hashOf(evidence, sha256) }) },
        progress,
      ),
    };
  } finally {
    client.close();
  }
}

/** The same for a copy made to be checked, of any age: a sound one is migrated first. */
export async function fsckCopy(file: string, progress?: Progress): Promise<Report> {
  const client = openSqlite(file, { readonly: true, fileMustExist: true });
  const [integrity, age] = [integrityOf(client, 'quick_check'), ageOf(client)];
  client.close();
  if (integrity === 'ok' && age !== 'current') openStore(file, seconds).close();
  // The files of evidence lie apart from it.
  return fsckFile(file, progress, null);
}
