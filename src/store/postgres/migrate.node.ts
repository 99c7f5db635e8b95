import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connection, type Server } from './connection.node.js';
import { named } from './errors.node.js';
import { WORDS } from './functions.js';

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
/** Any number that is ours: of several processes that start, one migrates. */
const LOCK = 7_236_001;

/**
 * Bring the schema up to this version, in one transaction.
 * @param folder `drizzle/postgres`
 * @throws Error when a newer version has written it
 * @throws StoreRefused when the role may not
 */
export async function migratePostgres(servers: readonly Server[], folder: string): Promise<void> {
  const on = await Connection.to(servers, 'primary', PATIENCE_MS);
  try {
    await on.script('BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0');
    await on.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    await on.script('CREATE TABLE IF NOT EXISTS holdfast_migration (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())');
    const done = new Set((await on.query('SELECT name FROM holdfast_migration')).rows.map(([name]) => String(name)));
    const all = readdirSync(folder)
      .filter((name) => name.endsWith('.sql'))
      .sort();
    const unknown = [...done].filter((name) => !all.includes(name));
    if (unknown.length) throw new Error(`a newer version of Holdfast has written this database (${unknown.join(', ')}): use that one`);
    await on.script(WORDS);
    if (done.size === 0) await on.script(STATE);
    for (const name of all.filter((one) => !done.has(one))) {
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
    const there = Number((await on.query("SELECT to_regclass('public.holdfast_migration') IS NOT NULL")).rows[0]?.[0]) === 1;
    const done = there ? (await on.query('SELECT name FROM holdfast_migration ORDER BY name')).rows.map(([name]) => String(name)) : [];
    const all = readdirSync(folder).filter((name) => name.endsWith('.sql'));
    if (done.some((name) => !all.includes(name))) throw new Error('a newer version of Holdfast has written this database: use that one');
    if (done.length < all.length) throw new Error('the database is empty or has the schema of an older version; start this version once: it migrates');
  } finally {
    await on.close();
  }
}
