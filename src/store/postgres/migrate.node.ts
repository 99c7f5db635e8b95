import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SchemaAge } from '../schema-age.node.js';
import { DORMANT, saidOf, StoreDormant } from '../dormant.js';
import { Connection, type Server } from './connection.node.js';
import { named } from './errors.node.js';
import { WORDS } from './functions.js';
import { MIGRATING } from './migrating.js';
import { tellNothing } from './public-changes.node.js';

/**
 * One row: how many commits there were, which is the lock of writers too, and when the last one was (milliseconds). And the beat
 * of the heart apart from it: a commit that waits for a standby holds the lock, and the heart beats on.
 */
const STATE = `
CREATE TABLE store_state (one bigint PRIMARY KEY CHECK (one = 1), version bigint NOT NULL, beat_ms bigint NOT NULL);
INSERT INTO store_state VALUES (1, 0, 0);
CREATE TABLE store_beat (one bigint PRIMARY KEY CHECK (one = 1), beat_ms bigint NOT NULL);
INSERT INTO store_beat VALUES (1, 0);
`;
/** A large table may take its time. */
const PATIENCE_MS = 120_000;

const migrationsOf = (folder: string): readonly string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort();
const migrationsDone = async (on: Connection): Promise<ReadonlySet<string>> =>
  new Set((await on.query('SELECT name FROM holdfast_migration')).rows.map(([name]) => String(name)));

/** `foreign`: there are tables, and none of them says what Holdfast did. */
export async function ageOfPostgres(on: Connection, folder: string): Promise<SchemaAge | 'foreign'> {
  const tables = (await on.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).rows.map(([name]) => String(name));
  if (!tables.includes('holdfast_migration')) return tables.length ? 'foreign' : 'empty';
  const [done, all] = [await migrationsDone(on), migrationsOf(folder)];
  if ([...done].some((name) => !all.includes(name))) return 'newer';
  return done.size === 0 ? 'empty' : done.size === all.length ? 'current' : 'older';
}

/** @throws StoreDormant */
async function expectInForce(on: Connection): Promise<void> {
  const [row] = (await on.query('SELECT value FROM setting WHERE name = $1', [DORMANT])).rows;
  if (row) throw new StoreDormant(saidOf(String(row[0])));
}

/**
 * Bring the schema up to this version, in one transaction.
 * @param folder `drizzle/postgres`
 * @throws Error when a newer version has written it
 * @throws StoreRefused when the role may not
 * @throws StoreDormant when another store is in force instead
 */
export async function migratePostgres(servers: readonly Server[], folder: string): Promise<void> {
  const on = await Connection.to(servers, 'primary', PATIENCE_MS);
  try {
    await on.script('BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0');
    await on.query('SELECT pg_advisory_xact_lock($1)', [MIGRATING]);
    await on.script('CREATE TABLE IF NOT EXISTS holdfast_migration (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())');
    const done = await migrationsDone(on);
    const all = migrationsOf(folder);
    const unknown = [...done].filter((name) => !all.includes(name));
    if (unknown.length) throw new Error(`a newer version of Holdfast has written this database (${unknown.join(', ')}): use that one`);
    if (done.size > 0) await expectInForce(on);
    await on.script(WORDS);
    if (done.size === 0) await on.script(STATE);
    const missing = all.filter((one) => !done.has(one));
    if (done.size > 0 && missing.length > 0) await tellNothing(on);
    for (const name of missing) {
      await on.script(readFileSync(join(folder, name), 'utf8'));
      await on.query('INSERT INTO holdfast_migration (name) VALUES ($1)', [name]);
    }
    if (done.size === 0) await on.script('CREATE INDEX used_assertion_rowid ON used_assertion (rowid)');
    await on.script('COMMIT');
  } catch (error) {
    throw named(error);
  } finally {
    await on.close();
  }
}

/** @throws Error when the schema is not the one of this version: nothing is changed */
export async function expectSchema(servers: readonly Server[], folder: string): Promise<void> {
  const on = await Connection.to(servers, 'primary', PATIENCE_MS);
  try {
    const age = await ageOfPostgres(on, folder);
    if (age === 'newer') throw new Error('a newer version of Holdfast has written this database: use that one');
    if (age !== 'current') throw new Error('the database is empty or has the schema of an older version; start this version once: it migrates');
    await expectInForce(on);
  } finally {
    await on.close();
  }
}
