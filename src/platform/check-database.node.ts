import { Connection, type ServerRole } from '../store/postgres/connection.node.js';
import { ageOfPostgres } from '../store/postgres/migrate.node.js';
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

const SCHEMA: Readonly<Record<Awaited<ReturnType<typeof ageOfPostgres>>, string>> = {
  empty: 'empty (serve or init makes what it needs)',
  foreign: 'there are tables of something else in it: Holdfast wants a database of its own',
  newer: 'written by a newer version of Holdfast: use that one',
  older: 'schema of an older version (serve brings it up to this one)',
  current: 'schema of this version',
};
const schemaOf = (on: Connection): Promise<string> =>
  ageOfPostgres(on, POSTGRES_MIGRATIONS).then(
    (age) => SCHEMA[age],
    () => 'schema not readable for this user',
  );
