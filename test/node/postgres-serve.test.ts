import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { tellOnPostgres } from '../../src/store/postgres/public-changes.node.js';
import { serversOf } from '../../src/store/postgres/servers.node.js';
import { asOwner, createDatabase, onServer } from '../support/postgres-database.js';
import { enrol, FETCH, MEMBER, newDatabase, type Process, processOn, publicOnly, SEAL, statusOf, SUBJECT, until } from '../support/postgres-processes.js';
import { type PostgresServer, startPostgres } from '../support/postgres-server.js';
import { admin, run, tempFolder } from '../support/process.js';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const database = () => newDatabase(server);
const one = processOn;

it('two processes that start at the same time on an empty database are one deployment: one authority, one key, the same bytes, one queue of changes', async () => {
  const url = await database();
  const [a, b] = await Promise.all([one(url), one(url)]);
  expect(a.banner).toContain(url);
  const configuration = async (of: Process) => (await fetch(`${of.at}/.well-known/openid-federation`)).text();
  expect(await configuration(b)).toBe(await configuration(a));
  const all = await Promise.all(Array.from({ length: 20 }, (_, n) => enrol(n % 2 ? a : b, `https://rp${n}.example.com`)));
  expect(all.map(({ status }) => status)).toEqual(Array(20).fill(201));
  const listOf = async (of: Process) => ((await (await fetch(`${of.at}/list`)).json()) as string[]).length;
  expect(await listOf(a)).toBe(20);
  await until(async () => (await listOf(b)) === 20);
  const authorities = (await admin(a, 'GET', '/authorities')).json;
  expect(authorities.items ?? authorities).toHaveLength(1);
  expect(await a.kill('SIGTERM')).toBe(0);
  expect((await enrol(b, SUBJECT)).status).toBe(201);
  expect(await statusOf(b, FETCH)).toBe(200);
  expect(await statusOf(b, '/readyz')).toBe(200);
});

it('what one process cuts the other one and a public-only process serve no more, with and without a user that may only read', async () => {
  const url = await database();
  const a = await one(url);
  const b = await one(url);
  await onServer(server.url('postgres'), (on) => on.script('CREATE ROLE reader LOGIN'));
  await onServer(url, (on) => on.script(GRANTS));
  const reading = url.replace(/\/\/\w+@/, '//reader@');
  const c = await publicOnly(url);
  const d = await publicOnly('', { HOLDFAST_READ_DATABASE: reading });
  expect(d.banner).toContain('client authentication get 503');
  await enrol(a, SUBJECT);
  for (const of of [b, c, d]) await until(async () => (await statusOf(of, FETCH)) === 200);
  for (let n = 0; n < 5; n++) for (const of of [a, b, c, d]) expect(await statusOf(of, FETCH)).toBe(200);
  expect((await admin(b, 'POST', `${MEMBER}/suspend`, { reason: 'test' })).status).toBe(200);
  expect(await statusOf(b, FETCH), 'on the next request where it was cut').toBe(404);
  for (const of of [a, c, d]) await until(async () => (await statusOf(of, FETCH)) === 404);
  expect((await admin(a, 'POST', `${MEMBER}/resume`, { reason: 'test' })).status).toBe(200);
  for (const of of [a, b, c, d]) await until(async () => (await statusOf(of, FETCH)) === 200);
  expect(await statusOf(d, '/readyz')).toBe(200);
  // Who may not read what was changed drops all of it with each commit.
  await onServer(url, (on) => on.script('REVOKE SELECT ON public_change FROM reader'));
  expect((await admin(b, 'POST', `${MEMBER}/suspend`, { reason: 'test' })).status).toBe(200);
  for (const of of [a, c, d]) await until(async () => (await statusOf(of, FETCH)) === 404);
  // Made anew, by another version, it may be read by whoever may read the number of commits.
  await onServer(url, (on) => on.script("UPDATE public_told SET digest = 'other'; REVOKE SELECT (authority_id, kid, state) ON authority_key FROM reader"));
  await tellOnPostgres(serversOf(url));
  expect(await onServer(url, async (on) => (await on.query("SELECT has_table_privilege('reader', 'public_change', 'SELECT')")).rows[0]?.[0])).toBe(1);
  expect((await admin(a, 'POST', `${MEMBER}/resume`, { reason: 'test' })).status).toBe(200);
  for (const of of [a, b, c, d]) await until(async () => (await statusOf(of, FETCH)) === 200);
  await expect(
    onServer(reading, (on) => on.script('SELECT 1 FROM api_key')),
    'nor may it read what it does not serve',
  ).rejects.toThrow(/permission denied/);
  await expect(onServer(reading, (on) => on.script('SELECT sealed FROM authority_key'))).rejects.toThrow(/permission denied/);
});

it('a public-only process whose database nobody writes to answers 503 once it is older than it may be, and 200 when the heart beats again', async () => {
  const url = await database();
  const a = await one(url);
  await enrol(a, SUBJECT);
  const c = await publicOnly(url, { HOLDFAST_STALENESS: '2s' });
  await until(async () => (await statusOf(c, FETCH)) === 200);
  await a.kill('SIGKILL');
  await until(async () => (await statusOf(c, FETCH)) === 503);
  const late = await fetch(`${c.at}${FETCH}`);
  expect([late.status, late.headers.get('retry-after')]).toEqual([503, '5']);
  expect(await late.json()).toMatchObject({ error: 'temporarily_unavailable' });
  expect(await statusOf(c, '/readyz')).toBe(503);
  await one(url);
  await until(async () => (await statusOf(c, FETCH)) === 200);
});

it('a server that goes away is 503, and nobody ends; when it comes back everything goes on', async () => {
  const own = await startPostgres();
  try {
    await createDatabase(own.url('postgres'), 'away');
    const url = asOwner(own.url('away'));
    const [a, c] = [await one(url), await publicOnly(url)];
    await enrol(a, SUBJECT);
    await until(async () => (await statusOf(c, FETCH)) === 200);
    await own.crash();
    await until(async () => (await statusOf(a, FETCH)) === 503 && (await statusOf(c, FETCH)) === 503);
    expect(await statusOf(a, '/healthz')).toBe(200);
    expect(await statusOf(a, '/readyz')).toBe(503);
    await own.startAgain();
    for (const of of [a, c]) await until(async () => (await statusOf(of, FETCH)) === 200);
    expect((await admin(a, 'POST', `${MEMBER}/suspend`, { reason: 'test' })).status).toBe(200);
    await until(async () => (await statusOf(c, FETCH)) === 404);
    expect([a.child.exitCode, c.child.exitCode]).toEqual([null, null]);
  } finally {
    await own.stop();
  }
});

it('says what is wrong with an address: no URL, a password in it, another machine without TLS, a database that is not there, a seal key beside --public-only', async () => {
  const url = await database();
  const folder = tempFolder();
  const check = (database: string, env: Record<string, string> = {}) =>
    run(['config', 'check'], { HOLDFAST_DATA: folder, HOLDFAST_DATABASE: database, ...env });
  expect(await check('mysql://x/y')).toMatchObject({ code: 2, stderr: expect.stringContaining('not a URL as postgres://') });
  const told = await check('postgres://u:hunter2@localhost/x');
  expect(told).toMatchObject({ code: 2, stderr: expect.stringContaining('..._PASSWORD') });
  expect(told.stderr).not.toContain('hunter2');
  expect(await check('postgres://u@db.example.org/x')).toMatchObject({ code: 2, stderr: expect.stringContaining('sslmode=verify-full') });
  expect(await check('postgres://u@db.example.org/x?sslmode=prefer')).toMatchObject({ code: 2, stderr: expect.stringContaining('disable, verify-full') });
  expect(await check('postgres://u@localhost')).toMatchObject({ code: 2, stderr: expect.stringContaining('name of the database') });
  expect(await check(server.url('nowhere'))).toMatchObject({ code: 2, stderr: expect.stringContaining('nowhere') });
  expect(await check('postgres://u@localhost:1/x')).toMatchObject({ code: 2, stderr: expect.stringContaining('localhost:1') });
  expect(await check(url)).toMatchObject({ code: 0, stdout: expect.stringMatching(/PostgreSQL 18.*primary.*no synchronous standby.*empty/) });
  expect(await run(['init'], { HOLDFAST_DATA: folder, HOLDFAST_DATABASE: url })).toMatchObject({ code: 0 });
  expect(await check(url)).toMatchObject({ code: 0, stdout: expect.stringContaining('schema of this version') });
  expect(await run(['config', 'check'], { HOLDFAST_DATA: folder, HOLDFAST_STALENESS: '1s', HOLDFAST_TURNS: 'maybe' })).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/HOLDFAST_STALENESS[\s\S]*HOLDFAST_TURNS/),
  });
  expect(await run(['serve', '--public-only'], { HOLDFAST_DATA: folder, HOLDFAST_DATABASE: url, HOLDFAST_SEAL_KEY: SEAL })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('must not hold it'),
  });
  expect(await run(['backup', 'create', join(folder, 'b')], { HOLDFAST_DATA: folder, HOLDFAST_DATABASE: url })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('high-availability'),
  });
  const recovered = await run(['api-key', 'recover'], { HOLDFAST_DATA: folder, HOLDFAST_DATABASE: url });
  expect(recovered).toMatchObject({ code: 0, stdout: expect.stringMatching(/\S{20,}/) });
});

it('HOLDFAST_TURNS=off leaves the background work to the others: a mark is issued by whoever does it', async () => {
  const url = await database();
  const a = await one(url, { env: { HOLDFAST_TURNS: 'off' } });
  await enrol(a, SUBJECT);
  expect(await statusOf(a, FETCH)).toBe(200);
  const keys = (await admin(a, 'GET', '/authorities/main/keys')).json;
  const [{ kid }] = keys.items ?? keys;
  expect((await admin(a, 'POST', `/authorities/main/keys/${kid}/revoke`, { reason: 'compromised' })).status).toBe(200);
  expect(await statusOf(a, FETCH)).toBe(503);
  await new Promise((done) => setTimeout(done, 6000));
  expect(await statusOf(a, FETCH), 'nobody signs it anew').toBe(503);
  const b = await one(url);
  for (const of of [a, b]) await until(async () => (await statusOf(of, FETCH)) === 200);
});

/** What a user needs that public-only processes read with: `docs/high-availability.md` says the same. */
const GRANTS = `GRANT USAGE ON SCHEMA public, holdfast_words TO reader;
GRANT SELECT ON artefact, authority, anchor_pin, member, public_change, public_told, setting, snapshot, snapshot_link, store_state, store_beat, trust_mark, trust_mark_grant TO reader;
GRANT SELECT (authority_id, kid, state) ON authority_key TO reader`;
