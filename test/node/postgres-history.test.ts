import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SeenHeads, watchHeads } from '../../src/operations/restore/watch-heads.js';
import { migratePostgres } from '../../src/store/postgres/migrate.node.js';
import { serversOf } from '../../src/store/postgres/servers.node.js';
import { unconfirmed } from '../../src/store/standing.js';
import { HistoryLost, troubleIn } from '../../src/store/trouble.js';
import { asOwner, createDatabase, onServer } from '../support/postgres-database.js';
import { startPostgres } from '../support/postgres-server.js';
import { act, migrated, opened, standing, type TestServer, whole } from '../support/postgres-store.js';
import { tempFolder } from '../support/process.js';

let server: TestServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const nameOf = (url: string) => url.split('/').at(-1) as string;
/** What only the one who administers the server can do, while nobody is connected to the database. */
const administer = (url: string, ...sql: readonly string[]) =>
  onServer(server.url('postgres'), async (on) => {
    for (const one of sql) {
      await on.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [nameOf(url)]);
      await on.script(one);
    }
  });

describe('an older copy of the database under a running store', () => {
  it('is not written: neither operations nor cuts; the next look withholds it, and what is confirmed is written on', async () => {
    const url = await migrated(server);
    const name = nameOf(url);
    const store = opened(url);
    const seen: SeenHeads = new Map();
    for (let n = 0; n < 3; n++) expect(await act(store, `old ${n}`)).toBe('done');
    await administer(url, `CREATE DATABASE ${name}_older TEMPLATE ${name} OWNER holdfast`);
    for (let n = 0; n < 3; n++) expect(await act(store, `new ${n}`)).toBe('done');
    await administer(url, `ALTER DATABASE ${name} RENAME TO ${name}_newest`);
    await administer(url, `ALTER DATABASE ${name}_older RENAME TO ${name}`);
    for (const urgent of [false, true]) {
      const told = await act(store, 'after', { urgent }).catch((error: unknown) => error);
      expect(told).toBeInstanceOf(HistoryLost);
      expect(troubleIn(told)).toBe('history_lost');
    }
    expect(await standing(store)).toEqual(whole(3));
    await watchHeads({ store, now: () => 2000 }, seen);
    expect(await unconfirmed(store.db)).toMatchObject({ reason: 'went_back', at: 2000, givenUp: [{ authorityId: 'a', seq: 6 }] });
    expect(await act(store, 'known to be given up')).toBe('done');
    expect(await standing(store)).toMatchObject({ events: 4, top: 4 });
  });
  it('where it has grown by others meanwhile it is noticed as well, by the hash at the place', async () => {
    const url = await migrated(server);
    const name = nameOf(url);
    const store = opened(url);
    expect(await act(store, 'old')).toBe('done');
    await administer(url, `CREATE DATABASE ${name}_older TEMPLATE ${name} OWNER holdfast`);
    expect(await act(store, 'new')).toBe('done');
    await administer(url, `ALTER DATABASE ${name} RENAME TO ${name}_newest`);
    await administer(url, `ALTER DATABASE ${name}_older RENAME TO ${name}`);
    const other = opened(url);
    for (let n = 0; n < 5; n++) expect(await act(other, `other ${n}`)).toBe('done');
    await expect(act(store, 'after')).rejects.toBeInstanceOf(HistoryLost);
    expect(await act(other, 'other still')).toBe('done');
  });
  it('while two write on one history neither misses anything', async () => {
    const url = await migrated(server);
    const stores = [opened(url), opened(url)];
    const all = stores.flatMap((store, which) => Array.from({ length: 20 }, (_, n) => act(store, `${which} ${n}`)));
    expect(new Set(await Promise.all(all))).toEqual(new Set(['done']));
    expect(await standing(stores[0] as (typeof stores)[number])).toEqual(whole(40));
  });
});

describe('the schema', () => {
  it('of an older version is migrated, by one of two processes that start at once, and the other finds it done; its rows stay', async () => {
    const name = 'older';
    await createDatabase(server.url('postgres'), name);
    const url = asOwner(server.url(name));
    const before = tempFolder();
    const all = readdirSync('drizzle/postgres').filter((one) => one.endsWith('.sql'));
    cpSync('drizzle/postgres', before, { recursive: true });
    await migratePostgres(serversOf(url), before);
    const store = opened(server.url(name));
    expect(await act(store, 'of the older version')).toBe('done');
    const newer = join(before, 'newer');
    mkdirSync(newer);
    cpSync('drizzle/postgres', newer, { recursive: true });
    writeFileSync(join(newer, '9999_later.sql'), 'ALTER TABLE setting ADD COLUMN later text; CREATE TABLE later (one bigint PRIMARY KEY);');
    // The older one writes all the while.
    let going = true;
    const writes = (async () => {
      for (let n = 0; going; n++) await act(store, `meanwhile ${n}`);
    })();
    await Promise.all([migratePostgres(serversOf(url), newer), migratePostgres(serversOf(url), newer)]);
    going = false;
    await writes;
    const { rows } = await store.pool.query('SELECT name FROM holdfast_migration ORDER BY name');
    expect(rows.flat()).toEqual([...all, '9999_later.sql'].sort());
    expect(await act(store, 'the older version writes on')).toBe('done');
    await expect(migratePostgres(serversOf(url), 'drizzle/postgres')).rejects.toThrow(/newer version of Holdfast.*9999_later/);
  });
  it('a migration that fails changes nothing, and the next start tries again', async () => {
    const name = 'broken';
    await createDatabase(server.url('postgres'), name);
    const url = asOwner(server.url(name));
    const folder = tempFolder();
    cpSync('drizzle/postgres', folder, { recursive: true });
    writeFileSync(join(folder, '9999_later.sql'), 'CREATE TABLE later (one bigint); SELECT nothing_like_it();');
    for (let n = 0; n < 2; n++) await expect(migratePostgres(serversOf(url), folder)).rejects.toThrow(/nothing_like_it/);
    expect(await onServer(url, (on) => on.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"))).toMatchObject({ rows: [[0]] });
    await migratePostgres(serversOf(url), 'drizzle/postgres');
  });
});
