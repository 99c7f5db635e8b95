import { afterAll, onTestFinished } from 'vitest';
import { inboxOnPostgres } from '../../src/store/postgres/inbox.postgres.node.js';
import { Follower } from '../../src/store/postgres/follower.node.js';
import { migratePostgres } from '../../src/store/postgres/migrate.node.js';
import { objectsOf } from '../../src/store/postgres/pool.node.js';
import type { Connection } from '../../src/store/postgres/connection.node.js';
import { publishedOnPostgres } from '../../src/store/postgres/published.postgres.node.js';
import { areTold, tellOnPostgres } from '../../src/store/postgres/public-changes.node.js';
import { serversOf } from '../../src/store/postgres/servers.node.js';
import { openPostgres } from '../../src/store/postgres/store.postgres.node.js';
import { numbered } from '../../src/store/postgres/translate.js';
import type { TestStore } from './platform.js';
import { asOwner, createDatabase, onServer } from './postgres-database.js';

export { askingAll as askingPublic } from './hot-answers.js';
export const platform: 'node' | 'workers' | 'postgres' = 'postgres';

const ROOT = String(process.env['HOLDFAST_TEST_POSTGRES']);
const urlOf = (name: string) => ROOT.replace(/\/postgres$/, `/${name}`);
const free: string[] = [];
let made = 0;

/** Rows are few, so taking them away costs less than TRUNCATE, which makes new files for each table and index. */
const EMPTIED = `SET session_replication_role = replica;
DO $$ DECLARE made record; filled boolean; BEGIN
  FOR made IN SELECT tgname, tgrelid::regclass AS of FROM pg_trigger WHERE NOT tgisinternal AND tgname !~ '_(kept|stays|stays_all)$' AND tgname !~ '^public_change' LOOP EXECUTE format('DROP TRIGGER %I ON %s', made.tgname, made.of); END LOOP;
  FOR made IN SELECT tablename AS of FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('holdfast_migration', 'store_state', 'store_beat', 'public_told') LOOP
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', made.of) INTO filled;
    IF filled THEN EXECUTE format('DELETE FROM %I', made.of); END IF;
  END LOOP;
  FOR made IN SELECT sequencename AS of FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL LOOP EXECUTE format('ALTER SEQUENCE %I RESTART', made.of); END LOOP;
END $$`;

/** What files that have ended leave to others: as few databases as there are files at a time. */
const LEFT = 'left_';
/** Whoever renames it first has it; whoever has an open connection to it keeps it. */
const renamed = (on: Connection, from: string, to: string): Promise<boolean> =>
  on.script(`ALTER DATABASE ${from} RENAME TO ${to}`).then(
    () => true,
    () => false,
  );
afterAll(async () => {
  if (free.length) await onServer(ROOT, async (on) => Promise.all(free.splice(0).map((name) => renamed(on, name, `${LEFT}${name}`))));
});
async function takeLeft(name: string): Promise<boolean> {
  return onServer(ROOT, async (on) => {
    const { rows } = await on.query(`SELECT datname FROM pg_database WHERE datname LIKE '${LEFT}%'`);
    for (const [left] of rows) if (await renamed(on, String(left), name)) return true;
    return false;
  });
}

/** A database that no other test uses meanwhile, empty but for the schema. */
async function database(): Promise<string> {
  const known = free.pop();
  const name = known ?? `t_${process.pid}_${made++}`;
  if (known !== undefined || (await takeLeft(name))) {
    const told = await onServer(urlOf(name), async (on) => {
      await on.script(EMPTIED);
      return areTold(on);
    });
    if (!told) await tellOnPostgres(serversOf(asOwner(urlOf(name))));
  } else {
    await createDatabase(ROOT, name);
    await migratePostgres(serversOf(asOwner(urlOf(name))), 'drizzle/postgres');
    await tellOnPostgres(serversOf(asOwner(urlOf(name))));
  }
  return name;
}

export async function freshStore(now: () => number): Promise<TestStore> {
  const name = await database();
  const servers = serversOf(asOwner(urlOf(name)));
  const open: { close(): Promise<void> }[] = [];
  onTestFinished(async () => {
    for (const one of open) await one.close();
    free.push(name);
  });
  const opened = () => {
    const store = openPostgres(servers, now, { readers: 2, rememberedMs: 0 });
    open.push(store);
    const follower = new Follower(servers, { role: 'any', staleness: Number.POSITIVE_INFINITY, wall: Date.now, connections: 1 });
    const published = publishedOnPostgres(follower);
    store.onCommit(published.changed);
    open.push({ close: () => follower.end() });
    return { store, published, inbox: inboxOnPostgres(store.writers) };
  };
  const own = opened();
  return {
    ...own,
    another: opened,
    execute: (sql) => onServer(urlOf(name), (on) => on.script(`SET session_replication_role = replica; ${sabotage(sql)}`)),
    // What SQLite gives only where it is asked for.
    rows: async (sql) => objectsOf(await own.store.pool.query(numbered(sql))).map(({ rowid, ...row }) => (/\browid\b/.test(sql) ? { ...row, rowid } : row)),
  };
}

/** The suite's sabotage in PostgreSQL's words: triggers have a function there, and nothing is written over. */
const sabotage = (sql: string): string =>
  sql
    .replace(
      /^UPDATE OR REPLACE ("\w+")( SET [\s\S]*)( WHERE rowid = \S+)$/,
      // One of two rows with one key goes: which, the engine chooses there, and here it is the one that was written over.
      (_, table, set, where) =>
        `DO $sabotage$ BEGIN UPDATE ${table}${set}${where}; EXCEPTION WHEN unique_violation THEN DELETE FROM ${table}${where}; END $sabotage$`,
    )
    .replace(/^UPDATE OR REPLACE /, 'UPDATE ')
    .replace(
      /CREATE TRIGGER (\w+) BEFORE INSERT ON (\w+)( WHEN .*?)? BEGIN SELECT RAISE\(ABORT, 'sabotage'\); END/,
      (_, name, table, when) =>
        `CREATE OR REPLACE FUNCTION sabotage() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RAISE EXCEPTION 'sabotage'; END $f$;
       CREATE TRIGGER ${name} BEFORE INSERT ON ${table} FOR EACH ROW ${when ? when.replace(/WHEN (.*)/, 'WHEN ($1)') : ''} EXECUTE FUNCTION sabotage()`,
    );
