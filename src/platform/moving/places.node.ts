import { statSync } from 'node:fs';
import { CliError } from '../../cli/client.js';
import type { Server } from '../../store/postgres/connection.node.js';
import { faultOfDatabaseUrl } from '../database-url.js';
import { databaseFile } from '../files.node.js';
import { secretsOfFiles } from '../secret-files.node.js';
import { explained, isPostgres, serversAt } from './connecting.node.js';
import { shown } from './postgres-rows.node.js';

export type Place = { readonly at: string } & ({ readonly file: string } | { readonly servers: readonly Server[] });

/** A folder is that of its database; what is not there is a file when its name says so. */
function fileAt(path: string): string {
  const there = statSync(path, { throwIfNoEntry: false });
  return (there ? there.isDirectory() : !path.endsWith('.db')) ? databaseFile(path) : path;
}

/** From the environment, or the file that it names. @throws ConfigError */
const databasePassword = ({ env } = process): string | undefined =>
  secretsOfFiles(env, {}, ['databasePassword'])['databasePassword'] ?? (env['HOLDFAST_DATABASE_PASSWORD'] || undefined);

/**
 * Where a store is: a URL of PostgreSQL, a database file, or the folder of one.
 * @param typed on the command line, which holds no password
 * @throws CliError
 */
export function placeOf(text: string, typed = true): Place {
  if (isPostgres(text)) {
    const servers = serversAt(text, databasePassword(), typed);
    const fault = faultOfDatabaseUrl(text);
    if (fault !== undefined) throw new CliError(2, `${shown(text)}: ${fault}`);
    return { at: shown(text), servers };
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) throw new CliError(2, `${text.slice(0, 100)} is neither a file nor postgres://user@host/database`);
  const file = fileAt(text);
  return { at: file, file };
}

/** Do something with stores, and say of what fails what a person can do. */
export async function told<T>(places: readonly Place[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explained(error, places.find((one) => 'servers' in one)?.at ?? places[0]?.at ?? '');
  }
}
