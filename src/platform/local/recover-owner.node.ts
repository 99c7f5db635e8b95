import { existsSync } from 'node:fs';
import { openSqlite } from '../../store/sqlite.node.js';
import { recoverOwner } from '../../operations/access/api-keys.js';
import { NEWER, schemaAge } from '../../store/schema-age.node.js';
import { expectSchema } from '../../store/postgres/migrate.node.js';
import { serversOf } from '../../store/postgres/servers.node.js';
import { openPostgres } from '../../store/postgres/store.postgres.node.js';
import { MIGRATIONS, openStore } from '../../store/store.node.js';
import type { DatabaseAddress } from '../config.js';
import { lockDatabase } from '../data-lock.node.js';
import { seconds } from '../deployment.node.js';
import { POSTGRES_MIGRATIONS } from '../first-on-postgres.node.js';

export interface RecoveredKey {
  readonly id: string;
  readonly token: string;
}

/**
 * An owner key for a data folder whose owners are lost. Works beside a running server and needs no seal key; nothing is migrated
 * under a server of another version.
 * @param dryRun look whether one could be made, and make none (undefined)
 * @throws Error when there is no database, it is being restored, or it has the schema of another version
 */
export async function recoverKey(database: string, name: string, dryRun = false): Promise<RecoveredKey | undefined> {
  if (!existsSync(database)) throw new Error(`there is no database ${database}`);
  const lock = lockDatabase(database);
  try {
    const client = openSqlite(database, { readonly: true, fileMustExist: true });
    const age = schemaAge(client, MIGRATIONS);
    client.close();
    if (age === 'newer') throw new Error(NEWER);
    if (age !== 'current')
      throw new Error(`${database} has the schema of an older version; use that version's command, or start this version once: it migrates`);
    if (dryRun) return undefined;
    const store = openStore(database, seconds);
    try {
      const { row, token } = await recoverOwner({ store, now: seconds }, name);
      return { id: row.id, token };
    } finally {
      store.close();
    }
  } finally {
    lock.release();
  }
}

/**
 * The same on PostgreSQL: whoever has the password of the database may.
 * @throws Error when it does not answer, or has the schema of another version
 */
export async function recoverKeyOnPostgres({ url, password }: DatabaseAddress, name: string, dryRun = false): Promise<RecoveredKey | undefined> {
  const servers = serversOf(url, password);
  await expectSchema(servers, POSTGRES_MIGRATIONS);
  if (dryRun) return undefined;
  const store = openPostgres(servers, seconds);
  try {
    const { row, token } = await recoverOwner({ store, now: seconds }, name);
    return { id: row.id, token };
  } finally {
    await store.close();
  }
}
