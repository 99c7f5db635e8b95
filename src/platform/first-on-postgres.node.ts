import { join } from 'node:path';
import { Connection, isGone, type Server } from '../store/postgres/connection.node.js';
import { migratePostgres } from '../store/postgres/migrate.node.js';
import { tellOnPostgres } from '../store/postgres/public-changes.node.js';
import { serversOf } from '../store/postgres/servers.node.js';
import { MIGRATIONS } from '../store/store.node.js';
import type { DatabaseAddress } from './config.js';

export const POSTGRES_MIGRATIONS = join(MIGRATIONS, 'postgres');
/** Any number that is ours: of several processes that start, one makes what a first start makes. */
const LOCK = 7_236_002;
/** Milliseconds: a database that starts at the same time may need some. */
const PATIENCE_MS = 30_000;
const QUERY_MS = 120_000;

/**
 * Bring the schema up to this version and make what a deployment needs, one process at a time.
 * @throws Error when no server answers as primary, refuses us, or a newer version has written the database
 */
export async function firstOnPostgres<T>({ url, password }: DatabaseAddress, work: (alone: boolean) => Promise<T>): Promise<T> {
  const servers = serversOf(url, password);
  const on = await patiently(servers);
  try {
    await migratePostgres(servers, POSTGRES_MIGRATIONS);
    await tellOnPostgres(servers);
    await on.script('SET lock_timeout = 0; SET statement_timeout = 0');
    await on.query('SELECT pg_advisory_lock($1)', [LOCK]);
    // Nobody knows whether others run: leases end by themselves.
    return await work(false);
  } finally {
    await on.close(); // and with it the lock
  }
}

async function patiently(servers: readonly Server[]): Promise<Connection> {
  for (const until = performance.now() + PATIENCE_MS; ; await new Promise((done) => setTimeout(done, 500))) {
    try {
      return await Connection.to(servers, 'primary', QUERY_MS);
    } catch (error) {
      // What is refused stays so; what cannot be reached may be starting.
      const cause = error instanceof Error ? error.cause : undefined;
      if (!isGone(cause) || performance.now() > until) throw error;
    }
  }
}
