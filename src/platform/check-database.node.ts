import { readdirSync } from 'node:fs';
import { Connection, type ServerRole } from '../store/postgres/connection.node.js';
import { serversOf } from '../store/postgres/servers.node.js';
import { type DatabaseAddress, ConfigError } from './config.js';
import { POSTGRES_MIGRATIONS } from './first-on-postgres.node.js';

const QUERY_MS = 5000;
/** What a person has to know of a server before he lets it carry a federation. */
const ABOUT = `SELECT current_setting('server_version_num'), pg_is_in_recovery(), current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),
  pg_encoding_to_char(encoding), (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()) FROM pg_database WHERE datname = current_database()`;
/** What the text of the store needs. */
const OLDEST = 150_000;

/**
 * Connect, and say what is there.
 * @throws ConfigError naming the variable, what is wrong and what to do
 */
export async function checkDatabase(variable: string, { url, password }: DatabaseAddress, role: ServerRole): Promise<string> {
  const on = await Connection.to(serversOf(url, password), role, QUERY_MS).catch((error: Error) => {
    throw new ConfigError(`${variable}: ${[error.message, (error.cause as Error | undefined)?.message].filter((one) => one).join(': ')}`);
  });
  try {
    const [version, standby, commit, synchronous, encoding, tls] = (await on.query(ABOUT)).rows[0] ?? [];
    if (Number(version) < OLDEST)
      throw new ConfigError(`${variable}: PostgreSQL ${Math.floor(Number(version) / 10_000)} is too old; 15 is the oldest that works`);
    if (encoding !== 'UTF8') throw new ConfigError(`${variable}: the database is encoded in ${encoding}; make one in UTF8`);
    if (commit === 'off')
      throw new ConfigError(`${variable}: synchronous_commit is off, so a cut that was acknowledged may be lost; set it to on for this user or database`);
    return [
      `PostgreSQL ${Math.floor(Number(version) / 10_000)}.${Number(version) % 10_000} at ${on.server || 'this machine'}`,
      Number(standby) === 1 ? 'a standby' : 'the primary',
      Number(tls) === 1 ? 'TLS' : 'no TLS',
      ...(Number(standby) === 1
        ? []
        : [synchronous ? `synchronous standbys: ${synchronous}` : 'no synchronous standby: what it acknowledges stands on one machine']),
      await schemaOf(on),
    ].join(', ');
  } finally {
    await on.close();
  }
}

async function schemaOf(on: Connection): Promise<string> {
  const made = await on.query("SELECT to_regclass('public.holdfast_migration') IS NOT NULL");
  if (Number(made.rows[0]?.[0]) !== 1) return 'empty (serve or init makes what it needs)';
  const names = (await on.query('SELECT name FROM holdfast_migration').catch(() => undefined))?.rows.map(([name]) => String(name));
  if (!names) return 'schema not readable for this user';
  const known = readdirSync(POSTGRES_MIGRATIONS).filter((name) => name.endsWith('.sql'));
  if (names.some((name) => !known.includes(name))) return 'written by a newer version of Holdfast: use that one';
  return known.every((name) => names.includes(name)) ? 'schema of this version' : 'schema of an older version (serve brings it up to this one)';
}
