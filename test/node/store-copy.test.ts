import { chmodSync, existsSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { lockDatabase } from '../../src/platform/data-lock.node.js';
import { fsckFile } from '../../src/platform/local/fsck.node.js';
import { explained } from '../../src/platform/moving/connecting.node.js';
import { copyStore } from '../../src/platform/moving/copy-store.node.js';
import { CommitUnknown } from '../../src/platform/moving/ends.js';
import { sourceOfFile } from '../../src/platform/moving/sqlite-source.node.js';
import { targetOfFile } from '../../src/platform/moving/sqlite-target.node.js';
import { MOVED, type MovedTable, type Row } from '../../src/platform/moving/tables.node.js';
import { publishedOnFile } from '../../src/store/published-file.node.js';
import { named } from '../../src/store/postgres/errors.node.js';
import { inboxOnPostgres } from '../../src/store/postgres/inbox.postgres.node.js';
import { migratePostgres } from '../../src/store/postgres/migrate.node.js';
import { Follower } from '../../src/store/postgres/follower.node.js';
import { publishedOnPostgres } from '../../src/store/postgres/published.postgres.node.js';
import { serversOf } from '../../src/store/postgres/servers.node.js';
import { openPostgres } from '../../src/store/postgres/store.postgres.node.js';
import { openStore } from '../../src/store/store.node.js';
import { newDatabase, onServer } from '../support/postgres-database.js';
import { startPostgres } from '../support/postgres-server.js';
import { command } from '../support/node/command.js';
import { freePort, MAIN, run, startProcess, tempFolder } from '../support/process.js';
import { inFolder, sabotage, served, cellOf, wholeStore } from '../support/whole-store.js';

// Each of them runs commands one after another.
vi.setConfig({ testTimeout: 240_000 });

let server: Awaited<ReturnType<typeof startPostgres>>;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const database = () => newDatabase(server);
/** A connection that a copy does not mind. */
const NONE_OF_HOLDFAST = "SET application_name = 'test'";
const count = async (url: string, table: string): Promise<number> =>
  onServer(url, async (on) => Number((await on.query(`SELECT count(*) FROM "${table}"`)).rows[0]?.[0]));
const copyTo = (folder: string, to: string, ...more: string[]) => command(['store', 'copy', '--to', to, ...more], { HOLDFAST_DATA: folder });
const copyFrom = (from: string, to: string, ...more: string[]) => command(['store', 'copy', '--from', from, '--to', to, ...more]);
const fsckOf = (url: string) => command(['fsck', '--database', url]);

async function servedFrom(place: string): Promise<readonly string[]> {
  if (!place.startsWith('postgres:')) {
    const file = publishedOnFile(place);
    try {
      return await served(file.current());
    } finally {
      file.close();
    }
  }
  const follower = new Follower(serversOf(place), { role: 'any', staleness: Number.POSITIVE_INFINITY, wall: Date.now, connections: 1 });
  try {
    return await served(publishedOnPostgres(follower));
  } finally {
    await follower.end();
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
    expect(said.tables.map((one: { table: string }) => one.table).sort()).toEqual(MOVED.map(({ name }) => name).sort());
    expect(said.heads).toContainEqual({
      authority: 'main',
      seq: cellOf(file, "SELECT max(seq) FROM event WHERE authority_id <> 'deployment'"),
      hash: expect.any(String),
    });
    expect(await servedFrom(url)).toEqual(before);
    expect(await fsckOf(url)).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing is wrong'), stderr: expect.stringContaining('pg_amcheck') });

    // The store goes on there: what is given out next comes after all that was copied.
    const store = openPostgres(serversOf(url), () => 1, { readers: 1 });
    const [highest] = (await store.pool.query('SELECT max(id), max(rowid) FROM artefact')).rows;
    const [next] = (await store.pool.query("SELECT nextval(pg_get_serial_sequence('artefact', 'id')), nextval(pg_get_serial_sequence('artefact', 'rowid'))"))
      .rows;
    expect(next).toEqual([Number(highest?.[0]) + 1, Number(highest?.[1]) + 1]);
    expect(
      await inboxOnPostgres(store.pool).spend('https://client.example', 'spent before', Math.floor(Date.now() / 1000) + 60),
      'an assertion spent before is spent there',
    ).toBe(false);
    await store.close();

    const refused = await run(['serve'], { HOLDFAST_DATA: folder, HOLDFAST_PORT: String(await freePort()) });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/was moved at 20.*postgres:.*holdfast store reopen/) });
    expect(
      (await servedFrom(file)).filter((one) => / 200 /.test(one)),
      'a public plane alone serves nothing of it',
    ).toEqual([]);
    expect(await copyTo(folder, await database())).toMatchObject({ code: 1, stderr: expect.stringContaining('was moved') });

    const home = join(tempFolder(), 'new');
    // A process: it is what says how its files may be read.
    const back = await run(['store', 'copy', '--from', url, '--to', home, '--json']);
    expect(back, back.stderr).toMatchObject({ code: 0 });
    const tables = (text: string) =>
      JSON.parse(text)
        .tables.filter((one: { table: string }) => one.table !== 'used_assertion')
        .sort((a: { table: string }, b: { table: string }) => (a.table < b.table ? -1 : 1));
    expect(tables(back.stdout)).toEqual(tables(there.stdout));
    expect(await servedFrom(inFolder(home))).toEqual(before);
    expect(readdirSync(home).filter((name) => !/lock$/.test(name))).toEqual(['holdfast.db', 'inbox.db']);
    for (const name of readdirSync(home)) expect(statSync(join(home, name)).mode & 0o077, name).toBe(0);
    expect(cellOf(join(home, 'inbox.db'), 'SELECT jti FROM used_assertion')).toBe('spent before');
    expect(await command(['fsck'], { HOLDFAST_DATA: home })).toMatchObject({ code: 0 });
    await expect(migratePostgres(serversOf(url), 'drizzle/postgres')).rejects.toThrow(/was moved/);
    renameSync(join(folder, 'seal.key'), join(home, 'seal.key'));
    const running = await startProcess(home, { env: { HOLDFAST_URL: 'http://localhost:8080' } });
    expect(await (await fetch(`http://127.0.0.1:${running.env['HOLDFAST_PORT']}/readyz`)).json()).toMatchObject({ checks: { store: 'ok' } });
    await running.kill('SIGTERM');
  });
});

/** A file with a row in every table, of values at the borders of what a cell holds. */
async function filled(): Promise<string> {
  const folder = tempFolder();
  openStore(inFolder(folder), () => 1).close();
  for (const table of MOVED)
    for (const n of [1, 2, 3]) {
      const value = (column: { name: string; type: string }) => {
        if (column.name === table.id) return n * 1000;
        // What people know a row by is written as each engine writes numbers.
        if (['seq', 'version'].includes(column.name)) return n;
        if (column.type === 'number') return [0.1 + n, -1e300 / n, 2 ** 53 - n][n - 1];
        if (n === 2 && /id$|^key$|^name$|subject|superior|trust_anchor|slug|kid|^kind$|type$/.test(column.name)) return `b ${n}`;
        return [`a${n}`, `{"x":"\\u0000","y":"\\\\u0000 ${n}"}`, `ä\u{1F4A5}\uFFFD\u2028'"\\${'x'.repeat(10_000)}`][n - 1];
      };
      const columns = table.columns.map(({ name }) => `"${name}"`).join(', ');
      sabotage(inFolder(folder), `INSERT INTO "${table.name}" (${columns}) VALUES (${table.columns.map(() => '?').join(', ')})`, ...table.columns.map(value));
    }
  return folder;
}

describe('every table', () => {
  it('that the file has is moved, by every column', () => {
    const file = join(tempFolder(), 'a.db');
    const store = openStore(file, () => 1);
    const names = store.reader
      .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT IN ('__drizzle_migrations', 'public_change')")
      .pluck()
      .all();
    expect(MOVED.map(({ name }) => name).sort()).toEqual([...names].sort());
    for (const { name, columns } of MOVED)
      expect(columns.map((one) => one.name).sort(), name).toEqual(
        (store.reader.pragma(`table_info(${name})`) as { name: string }[]).map((one) => one.name).sort(),
      );
    store.close();
  });
  it('keeps each cell and the order of its rows, there and back, though fsck finds much in it', async () => {
    const folder = await filled();
    const [url, home] = [await database(), tempFolder()];
    const before = `${cellOf(inFolder(folder), "SELECT group_concat(rowid || hex(bytes) || exp, ',') FROM artefact")}`;
    expect(await copyTo(folder, url), 'not without being asked').toMatchObject({ code: 4, stderr: expect.stringContaining('--despite-damage') });
    expect(existsSync(`${inFolder(folder)}.copying`)).toBe(false);
    const there = await copyTo(folder, url, '--despite-damage', '--json');
    expect(there, there.stdout + there.stderr).toMatchObject({ code: 0 });
    for (const one of JSON.parse(there.stdout).tables) expect(one).toMatchObject({ rows: 3, sha256: expect.any(String) });
    const back = await copyFrom(url, home, '--despite-damage', '--json');
    expect(back, back.stdout + back.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(back.stdout).tables).toEqual(JSON.parse(there.stdout).tables);
    expect(`${cellOf(inFolder(home), "SELECT group_concat(rowid || hex(bytes) || exp, ',') FROM artefact")}`).toBe(before);
  });
  it('is copied in lots: more rows than one lot has, and rows larger than one', async () => {
    const folder = tempFolder();
    const file = inFolder(folder);
    openStore(file, () => 1).close();
    sabotage(
      file,
      "INSERT INTO setting (name, value) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) SELECT 'n' || (7919 * i % 2500), hex(randomblob(20)) FROM n",
    );
    sabotage(file, "INSERT INTO setting (name, value) VALUES ('large', ?)", 'é'.repeat(3_000_000));
    const [url, home] = [await database(), tempFolder()];
    expect(await copyTo(folder, url)).toMatchObject({ code: 0, stdout: expect.stringContaining('2501 rows are in') });
    expect(await copyFrom(url, home)).toMatchObject({ code: 0, stdout: expect.stringContaining('2501 rows are in') });
    const order = "SELECT group_concat(name) FROM (SELECT name FROM setting WHERE name NOT IN ('dormant', 'unconfirmed') ORDER BY rowid)";
    expect(cellOf(inFolder(home), order)).toBe(cellOf(file, order));
  });
});

describe('from one PostgreSQL to another', () => {
  it('as from a file, and never into itself', async () => {
    const { folder } = await wholeStore();
    const [one, other] = [await database(), await database()];
    expect((await copyTo(folder, one, '--dry-run')).stdout, 'each chain ends with an event that has a time').toMatch(/^deployment +\d+ +20\d\d-/m);
    const there = await copyTo(folder, one, '--json');
    expect(await copyFrom(one, one)).toMatchObject({ code: 1, stderr: expect.stringContaining('is not empty') });
    const further = await copyFrom(one, other, '--json');
    expect(further, further.stderr).toMatchObject({ code: 0 });
    const tables = (text: string) => JSON.parse(text).tables.filter(({ table }: { table: string }) => table !== 'used_assertion');
    expect(tables(further.stdout)).toEqual(tables(there.stdout));
    expect((await fsckOf(other)).code).toBe(0);
  });
});

describe('is refused', () => {
  it('while the source is served; a dry run is not', async () => {
    const { folder, file } = await wholeStore();
    const url = await database();
    const lock = lockDatabase(file);
    expect(await copyTo(folder, url)).toMatchObject({ code: 1, stderr: expect.stringContaining('stop it first') });
    expect(await copyTo(folder, url, '--dry-run')).toMatchObject({ code: 0, stderr: expect.stringContaining('is being served') });
    lock.release();
    expect((await copyTo(folder, url)).code).toBe(0);
    const serving = openPostgres(serversOf(url), () => 1, { readers: 1 });
    await serving.pool.query('SELECT 1');
    const home = tempFolder();
    expect(await copyFrom(url, home)).toMatchObject({ code: 1, stderr: expect.stringMatching(/connection\(s\) of Holdfast.*stop every process/) });
    expect(await copyFrom(url, home, '--dry-run')).toMatchObject({ code: 0, stderr: expect.stringContaining('is being served') });
    expect(existsSync(inFolder(home))).toBe(false);
    await serving.close();
    expect((await copyFrom(url, home)).code).toBe(0);
  });
  it('into what is not empty, something else’s, of another version, or a file that is there', async () => {
    const { folder, file } = await wholeStore();
    const url = await database();
    await onServer(url, (on) => on.script('CREATE TABLE orders (id int)'));
    expect(await copyTo(folder, url)).toMatchObject({ code: 1, stderr: expect.stringContaining('tables of something else') });
    const used = await database();
    await migratePostgres(serversOf(used), 'drizzle/postgres');
    await onServer(used, (on) => on.script("INSERT INTO event SELECT 'a', 1, 1, 't', 'k', 'i', 'a', 'k', NULL, '{}', '[]', '', 'h'"));
    for (const more of [[], ['--dry-run']])
      expect(await copyTo(folder, used, ...more)).toMatchObject({ code: 1, stderr: expect.stringMatching(/not empty \(event\)/) });
    await onServer(used, (on) =>
      on.script("SET session_replication_role = replica; DELETE FROM event; INSERT INTO holdfast_migration (name) VALUES ('9999_later.sql')"),
    );
    expect(await copyTo(folder, used)).toMatchObject({ code: 1, stderr: expect.stringContaining('newer version') });
    expect(await copyFrom(used, tempFolder())).toMatchObject({ code: 1, stderr: expect.stringContaining('newer version') });
    await onServer(used, (on) => on.script("DELETE FROM holdfast_migration WHERE name > '0009'"));
    expect(await copyFrom(used, tempFolder())).toMatchObject({ code: 1, stderr: expect.stringContaining('older version') });
    expect(await copyFrom(await database(), folder)).toMatchObject({ code: 1, stderr: expect.stringMatching(/holdfast.db exists: a copy overwrites nothing/) });
    expect(await copyFrom(await database(), tempFolder())).toMatchObject({ code: 1, stderr: expect.stringContaining('holds no store') });
    sabotage(file, "INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('later', 9e12)");
    expect(await copyTo(folder, await database())).toMatchObject({ code: 1, stderr: expect.stringContaining('newer version') });
    expect(await copyTo(tempFolder(), await database())).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no database') });
  });
  it('with texts that PostgreSQL cannot hold, all named, before anything is copied', async () => {
    const { folder, file } = await wholeStore();
    const url = await database();
    sabotage(file, "UPDATE member SET state_reason = 'a' || char(0) || 'b' WHERE entity_id LIKE '%rp2%'");
    sabotage(file, "INSERT INTO setting (name, value) VALUES ('bytes', CAST(x'41ff42' AS TEXT))");
    for (const more of [[], ['--dry-run'], ['--despite-damage']]) {
      const refused = await copyTo(folder, url, ...more);
      expect(refused, refused.stderr).toMatchObject({ code: 4, stderr: expect.stringContaining('2 cell(s) cannot be copied') });
      expect(refused.stdout).toMatch(/member row 2 \(https:\/\/rp2.example.com\): its column state_reason holds U\+0000/);
      expect(refused.stdout).toMatch(/setting row \d+ \(bytes\): its column value holds bytes that are no UTF-8/);
    }
    expect(
      await onServer(url, async (on) => (await on.query("SELECT count(*) FROM pg_tables WHERE tablename = 'member'")).rows[0]?.[0]),
      'not even a table',
    ).toBe(0);
    expect(cellOf(file, "SELECT count(*) FROM setting WHERE name IN ('dormant', 'unconfirmed')")).toBe(0);
    expect(await command(['store', 'copy', '--to', url, '--json'], { HOLDFAST_DATA: folder }).then(({ stdout }) => JSON.parse(stdout).error.rows)).toHaveLength(
      2,
    );
  });
  it('of a damaged source, with what is wrong in it, unless that is said to be meant', async () => {
    const { folder, file } = await wholeStore();
    sabotage(file, "UPDATE event SET reason = 'another' WHERE type = 'member.suspended'");
    const url = await database();
    expect(await copyTo(folder, url)).toMatchObject({
      code: 4,
      stdout: expect.stringContaining('event_hash'),
      stderr: expect.stringContaining('--despite-damage'),
    });
    expect(await copyTo(folder, url, '--despite-damage')).toMatchObject({ code: 0 });
    expect(await fsckOf(url), 'what was wrong is wrong there').toMatchObject({ code: 4, stdout: expect.stringContaining('event_hash') });
    const broken = await wholeStore();
    const bytes = statSync(broken.file).size;
    const handle = await open(broken.file, 'r+');
    await handle.write(Buffer.alloc(4096 * 3, 0x5a), 0, 4096 * 3, Math.floor(bytes / 8192) * 4096);
    await handle.close();
    for (const more of [[], ['--despite-damage']]) expect((await copyTo(broken.folder, await database(), ...more)).code).toBe(4);
  });
});

describe('connecting', () => {
  const hbaFile = (...rules: string[]) => {
    const folder = tempFolder();
    chmodSync(folder, 0o755);
    writeFileSync(join(folder, 'hba'), `${rules.join('\n')}\n`, { mode: 0o644 });
    return join(folder, 'hba');
  };
  const error = async (to: string, env: Record<string, string> = {}) => {
    const { code, stderr } = await command(['store', 'copy', '--to', to, '--dry-run'], { HOLDFAST_DATA: tempFolder(), ...env });
    return `${code} ${stderr}`;
  };
  it('says what is wrong, and shows no password', async () => {
    const secret = 'correct horse battery';
    const closed = await startPostgres([`hba_file=${hbaFile('local all all reject')}`]);
    onTestFinished(() => closed.stop());
    expect(await error(closed.url('postgres'))).toMatch(/^1 .*refuses this user/);
    expect(await error('postgres://x@no-such-host.invalid/db')).toMatch(/^2 .*sslmode=verify-full/);
    expect(await error('postgres://x@no-such-host.invalid/db?sslmode=disable')).toMatch(/^3 .*(no host of that name|cannot be looked up)/);
    expect(await error('postgres://x@127.0.0.1:1/db')).toMatch(/^3 .*nobody listens there/);
    expect(await error(server.url('nothing_here'))).toMatch(/^1 .*there is no such database/);
    expect(await error('mysql://x@h/db')).toMatch(/^2 .*neither a file nor postgres:/);
    const typed = await error(`postgres://x:${encodeURIComponent(secret)}@127.0.0.1:1/db`);
    expect(typed).toMatch(/^2 .*HOLDFAST_DATABASE_PASSWORD/);
    expect(typed).not.toContain('horse');
    const file = join(tempFolder(), 'password');
    writeFileSync(file, `${secret}\n`, { mode: 0o644 });
    expect(await error('postgres://x@127.0.0.1:1/db', { HOLDFAST_DATABASE_PASSWORD_FILE: file })).toMatch(/^2 .*chmod 600/);
    expect(await error('postgres://x@127.0.0.1:1/db', { HOLDFAST_DATABASE_PASSWORD_FILE: file, HOLDFAST_DATABASE_PASSWORD: 'x' })).toMatch(
      /^2 .*leave one of them out/,
    );
    expect(await command(['store', 'copy'], {})).toMatchObject({ code: 2, stderr: expect.stringContaining('say where to') });
    expect(await copyFrom(join(tempFolder(), 'a.db'), join(tempFolder(), 'b.db'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('both are files'),
    });
  });
  it('a full disk is called so, here and there', () => {
    for (const code of ['SQLITE_FULL', '53100']) {
      const error = new Error('table event, rows 1 to 9', { cause: Object.assign(new Error('no space'), { code }) });
      expect(explained(code === '53100' ? named(error.cause) : error, 'postgres://x/y')).toMatchObject({
        message: expect.stringContaining('the disk is full; nothing was copied'),
      });
    }
  });
  it('with a password, from the environment or a file; a wrong one and none are told apart', async () => {
    const guarded = await startPostgres([`hba_file=${hbaFile('local all postgres trust', 'local all all scram-sha-256')}`]);
    onTestFinished(() => guarded.stop());
    await onServer(guarded.url('postgres'), (on) => on.script("CREATE ROLE keeper LOGIN PASSWORD 'right'"));
    await onServer(guarded.url('postgres'), (on) =>
      on.script("CREATE DATABASE held OWNER keeper TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING 'UTF8'"),
    );
    const url = guarded.url('held').replace('postgres@', 'keeper@');
    expect(await error(url)).toMatch(/^1 .*the server (asks for|wants) a password.*set HOLDFAST_DATABASE_PASSWORD/);
    expect(await error(url, { HOLDFAST_DATABASE_PASSWORD: 'wrong' })).toMatch(/^1 .*the password is wrong/);
    const { folder: data } = await wholeStore();
    const file = join(tempFolder(), 'password');
    writeFileSync(file, 'right\n', { mode: 0o600 });
    const done = await command(['store', 'copy', '--to', url], { HOLDFAST_DATA: data, HOLDFAST_DATABASE_PASSWORD_FILE: file });
    expect(done, done.stderr).toMatchObject({ code: 0 });
    expect(await command(['fsck'], { HOLDFAST_DATABASE: url, HOLDFAST_DATABASE_PASSWORD: 'right' }), 'a role that owns nothing but its database').toMatchObject(
      {
        code: 0,
      },
    );
  });
});

/** Runs until it waits for what a test holds, and is ended there. */
async function endedWhileWaiting(args: string[], env: Record<string, string>, url: string, held: string, signal: NodeJS.Signals): Promise<number | null> {
  const ended = await onServer(url, async (holder) => {
    await holder.script(`${NONE_OF_HOLDFAST}; BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; ${held}`);
    const child = spawn(process.execPath, [MAIN, 'store', 'copy', ...args], { env: { PATH: process.env['PATH'] ?? '', NO_COLOR: '1', ...env } });
    const over = new Promise<number | null>((done) => child.once('close', done));
    const waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    await onServer(url, async (on) => {
      await on.script(NONE_OF_HOLDFAST);
      while (Number((await on.query(waits)).rows[0]?.[0]) === 0) {
        if (child.exitCode !== null) throw new Error('it ended before');
        await new Promise((done) => setTimeout(done, 50));
      }
    });
    child.kill(signal);
    return { over };
  });
  return ended.over;
}

describe('ended in the middle', () => {
  it('killed while rows are copied to PostgreSQL: nothing is there, the source is as it was, and the next one succeeds', async () => {
    const { folder, file } = await wholeStore();
    const url = await database();
    await migratePostgres(serversOf(url), 'drizzle/postgres');
    for (const signal of ['SIGKILL', 'SIGINT'] as const) {
      const code = await endedWhileWaiting(['--to', url], { HOLDFAST_DATA: folder }, url, 'LOCK TABLE event IN SHARE MODE', signal);
      expect(code).toBe(signal === 'SIGINT' ? 130 : null);
      for (const { name } of MOVED) expect(await count(url, name), name).toBe(0);
      expect(cellOf(file, "SELECT count(*) FROM setting WHERE name IN ('dormant', 'unconfirmed')")).toBe(0);
      expect(await fsckFile(file)).toEqual({ integrity: 'ok', damages: [] });
    }
    expect(await copyTo(folder, url)).toMatchObject({ code: 0 });
  });
  it('killed when the file is whole and PostgreSQL is about to be made dormant: there is no file, and the next one succeeds', async () => {
    const { folder } = await wholeStore();
    const [url, home] = [await database(), tempFolder()];
    expect((await copyTo(folder, url)).code).toBe(0);
    await endedWhileWaiting(['--from', url, '--to', home], {}, url, 'LOCK TABLE setting IN SHARE MODE', 'SIGKILL');
    expect(readdirSync(home).filter((name) => /db$/.test(name) && name !== 'inbox.db')).toEqual([]);
    expect(await copyFrom(url, home)).toMatchObject({ code: 0 });
    expect(existsSync(`${inFolder(home)}.copying`)).toBe(false);
  });
  it('the commit fails: the source is as it was; nobody knows whether it was made: the source stays dormant', async () => {
    for (const { commit, says, dormant } of [
      { commit: new Error('no'), says: /^no$/, dormant: 0 },
      { commit: new CommitUnknown('silence'), says: /perhaps the copy is there.*holdfast store reopen/, dormant: 2 },
    ]) {
      const { file } = await wholeStore();
      const source = sourceOfFile(file, false);
      const [home, options] = [
        join(tempFolder(), 'holdfast.db'),
        { despiteDamage: false, keepSource: false, progress: () => undefined, stopping: () => false },
      ];
      const target = () => {
        const one = targetOfFile(home);
        return Promise.resolve({ ...one, commit: () => Promise.reject(commit) });
      };
      await expect(copyStore(source, target, options)).rejects.toThrow(says);
      await source.close();
      expect(existsSync(home)).toBe(false);
      expect(cellOf(file, "SELECT count(*) FROM setting WHERE name IN ('dormant', 'unconfirmed')")).toBe(dormant);
    }
  });
  it('a copy that is not what the source is: told by the digest of its table, and taken back', async () => {
    const { file } = await wholeStore();
    const source = sourceOfFile(file, false);
    const home = join(tempFolder(), 'holdfast.db');
    const options = { despiteDamage: false, keepSource: false, progress: () => undefined, stopping: () => false };
    const target = (put: (table: string, rows: readonly Row[]) => readonly Row[]) => () => {
      const one = targetOfFile(home);
      return Promise.resolve({ ...one, put: (table: MovedTable, rows: readonly Row[]) => one.put(table, put(table.name, rows)) });
    };
    await expect(
      copyStore(
        source,
        target((table, rows) => (table === 'api_key' ? rows.slice(1) : rows)),
        options,
      ),
    ).rejects.toThrow(/not equal in api_key \(1 rows, 0/);
    const another = (table: string, rows: readonly Row[]) =>
      table === 'organization' ? rows.map((row) => row.map((cell, n) => (n === 3 ? 'Else' : cell))) : rows;
    await expect(
      copyStore(
        source,
        target((table, rows) => another(table, rows).slice(0, table === 'organization' ? 1 : undefined)),
        options,
      ),
    ).rejects.toThrow(/organization/);
    await source.close();
    expect(existsSync(home)).toBe(false);
    expect(await fsckFile(file)).toEqual({ integrity: 'ok', damages: [] });
  });
});

describe('one of both is in force', () => {
  it('a trial leaves the source in force and the copy dormant, until it is reopened, and then it is withheld', async () => {
    const { folder, file } = await wholeStore();
    const url = await database();
    expect(await copyTo(folder, url, '--keep-source')).toMatchObject({ code: 0, stderr: expect.stringContaining('stays the one to serve') });
    openStore(file, () => 1).close();
    await expect(migratePostgres(serversOf(url), 'drizzle/postgres')).rejects.toThrow(/is a copy, made at 20.*of one that goes on/);
    expect((await servedFrom(url)).filter((one) => / 200 /.test(one))).toEqual([]);
    expect(await command(['store', 'reopen', url])).toMatchObject({ code: 0, stderr: expect.stringContaining('holdfast restore confirm') });
    await migratePostgres(serversOf(url), 'drizzle/postgres');
    expect(
      (await servedFrom(url)).filter((one) => / 200 /.test(one)),
      'not before a person has confirmed it',
    ).toEqual([]);
    expect(await command(['store', 'reopen', url])).toMatchObject({ code: 0, stdout: expect.stringContaining('is not dormant') });
  });
  it('a source that was moved is reopened on purpose, and is withheld as a restored one', async () => {
    const { folder, file } = await wholeStore();
    expect((await copyTo(folder, await database())).code).toBe(0);
    const lock = lockDatabase(file);
    expect(await command(['store', 'reopen'], { HOLDFAST_DATA: folder })).toMatchObject({ code: 1, stderr: expect.stringContaining('stop it first') });
    lock.release();
    expect(await command(['store', 'reopen', '--json'], { HOLDFAST_DATA: folder })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('"reopened": true'),
    });
    const running = await startProcess(folder, { env: { HOLDFAST_URL: 'http://localhost:8080' } });
    const ready = await fetch(`http://127.0.0.1:${running.env['HOLDFAST_PORT']}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([503, { checks: { restored: 'not confirmed' } }]);
    await running.kill('SIGTERM');
  });
});
