import { existsSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { lockDatabase } from '../../src/platform/data-lock.node.js';
import { fsckFile } from '../../src/platform/local/fsck.node.js';
import { MOVED } from '../../src/platform/moving/tables.node.js';
import { publishedOnFile } from '../../src/store/published-file.node.js';
import { inboxOnPostgres } from '../../src/store/postgres/inbox.postgres.node.js';
import { migratePostgres } from '../../src/store/postgres/migrate.node.js';
import { publishedOnPostgres } from '../../src/store/postgres/published.postgres.node.js';
import { serversOf } from '../../src/store/postgres/servers.node.js';
import { openPostgres } from '../../src/store/postgres/store.postgres.node.js';
import { openStore } from '../../src/store/store.node.js';
import { createDatabase, onServer } from '../support/postgres-database.js';
import { startPostgres } from '../support/postgres-server.js';
import { MAIN, run, startProcess, tempFolder } from '../support/process.js';
import { inFolder, sabotage, served, valueOf, wholeStore } from '../support/whole-store.js';

let server: Awaited<ReturnType<typeof startPostgres>>;
let made = 0;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

async function database(): Promise<string> {
  const name = `m${made++}`;
  await createDatabase(server.url('postgres'), name);
  return server.url(name);
}
/** A connection that is none of Holdfast's: the server asks it for nothing. */
const count = async (url: string, table: string): Promise<number> =>
  onServer(url, async (on) => Number((await on.query(`SELECT count(*) FROM "${table}"`)).rows[0]?.[0]));
const copyTo = (folder: string, to: string, ...more: string[]) => run(['store', 'copy', '--to', to, ...more], { HOLDFAST_DATA: folder });
const copyFrom = (from: string, to: string, ...more: string[]) => run(['store', 'copy', '--from', from, '--to', to, ...more]);
const fsckOf = (url: string) => run(['fsck', '--database', url]);

async function servedFrom(place: string): Promise<readonly string[]> {
  if (!place.startsWith('postgres:')) {
    const file = publishedOnFile(place);
    try {
      return await served(file.current());
    } finally {
      file.close();
    }
  }
  const store = openPostgres(serversOf(place), () => 1, { readers: 1 });
  try {
    return await served(publishedOnPostgres(store.pool));
  } finally {
    await store.close();
  }
}

describe('there and back', () => {
  it('every table, every answer and every chain is the same; the one left is dormant', async () => {
    const { folder, file } = await wholeStore();
    const before = await servedFrom(file);
    expect(before.filter((one) => / 200 /.test(one)).length).toBeGreaterThan(5);
    const url = await database();

    const rehearsed = await copyTo(folder, url, '--dry-run', '--json');
    expect(rehearsed, rehearsed.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(rehearsed.stdout)).toMatchObject({ dry_run: true, served: false, dormant: null });
    expect(await onServer(url, async (on) => (await on.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")).rows[0]?.[0])).toBe(0);

    const there = await copyTo(folder, url, '--json');
    expect(there, there.stderr).toMatchObject({ code: 0 });
    const said = JSON.parse(there.stdout);
    expect(said).toMatchObject({ from: file, to: url, dormant: file, spent_assertions: 1, tables: JSON.parse(rehearsed.stdout).tables });
    expect(said.tables.map((one: { table: string }) => one.table)).toEqual(MOVED.map(({ name }) => name).sort());
    expect(said.heads).toContainEqual({ authority: 'main', seq: valueOf(file, "SELECT max(seq) FROM event WHERE authority_id <> 'deployment'"), hash: expect.any(String) });
    expect(await servedFrom(url)).toEqual(before);
    expect(await fsckOf(url)).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing is wrong'), stderr: expect.stringContaining('pg_amcheck') });

    // The store goes on there: what is given out next comes after all that was copied.
    const store = openPostgres(serversOf(url), () => 1, { readers: 1 });
    const [highest] = (await store.pool.query('SELECT max(id), max(rowid) FROM artefact')).rows;
    const [next] = (await store.pool.query("SELECT nextval(pg_get_serial_sequence('artefact', 'id')), nextval(pg_get_serial_sequence('artefact', 'rowid'))")).rows;
    expect(next).toEqual([Number(highest?.[0]) + 1, Number(highest?.[1]) + 1]);
    expect(await inboxOnPostgres(store.pool).spend('https://client.example', 'spent before', 4e9), 'an assertion spent before is spent there').toBe(false);
    await store.close();

    const refused = await run(['serve'], { HOLDFAST_DATA: folder, HOLDFAST_PORT: '0' });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/was moved at 20.*postgres:.*holdfast store reopen/) });
    expect((await servedFrom(file)).filter((one) => / 200 /.test(one)), 'a public plane alone serves nothing of it').toEqual([]);
    expect(await copyTo(folder, await database())).toMatchObject({ code: 1, stderr: expect.stringContaining('was moved') });

    const home = join(tempFolder(), 'new');
    const back = await copyFrom(url, home, '--json');
    expect(back, back.stderr).toMatchObject({ code: 0 });
    const tables = (text: string) => JSON.parse(text).tables.filter((one: { table: string }) => one.table !== 'used_assertion');
    expect(tables(back.stdout)).toEqual(tables(there.stdout));
    expect(await servedFrom(inFolder(home))).toEqual(before);
    expect(readdirSync(home).filter((name) => !/lock$/.test(name))).toEqual(['holdfast.db', 'inbox.db']);
    for (const name of readdirSync(home)) expect(statSync(join(home, name)).mode & 0o077, name).toBe(0);
    expect(valueOf(join(home, 'inbox.db'), 'SELECT jti FROM used_assertion')).toBe('spent before');
    expect(await run(['fsck'], { HOLDFAST_DATA: home })).toMatchObject({ code: 0 });
    await expect(migratePostgres(serversOf(url), 'drizzle/postgres')).rejects.toThrow(/was moved/);
    renameSync(join(folder, 'seal.key'), join(home, 'seal.key'));
    const running = await startProcess(home, { env: { HOLDFAST_URL: 'http://localhost:8080' } });
    expect(await (await fetch(`http://127.0.0.1:${running.env['HOLDFAST_PORT']}/readyz`)).json()).toMatchObject({ checks: { store: 'ok' } });
    await running.kill('SIGTERM');
  });
});
