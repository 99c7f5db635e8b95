import { once } from 'node:events';
import { mkdtemp, readFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Follower } from '../../src/store/postgres/follower.node.js';
import { changesSince } from '../../src/store/postgres/public-changes.node.js';
import { serversOf } from '../../src/store/postgres/servers.node.js';
import { onServer } from '../support/postgres-database.js';
import { enrol, FETCH, MEMBER, newDatabase, type Process, processOn, publicOnly, statusOf, SUBJECT, until } from '../support/postgres-processes.js';
import { type PostgresServer, STANDBY, startPostgres, startStandby } from '../support/postgres-server.js';
import { admin } from '../support/process.js';

let primary: PostgresServer;
let standby: PostgresServer;
let signing: Process;
let onStandby: Process;
let url: string;
beforeAll(async () => {
  primary = await startPostgres();
  url = await newDatabase(primary);
  standby = await startStandby(primary);
});
afterAll(async () => {
  await standby?.stop();
  await primary.stop();
});
const there = () => url.replace(encodeURIComponent(primary.folder), encodeURIComponent(standby.folder));
/** A primary that waits for its standby, or one that does not. */
async function waitsFor(names: string): Promise<void> {
  await onServer(primary.url('postgres'), (on) => on.script(`ALTER SYSTEM SET synchronous_standby_names = '${names}'`));
  await onServer(primary.url('postgres'), (on) => on.script('SELECT pg_reload_conf()'));
  await until(() => onServer(primary.url('postgres'), async (on) => (await on.query('SHOW synchronous_standby_names')).rows[0]?.[0] === names));
}
/** @param staleness where a standby that says nothing new is no matter here, as long as a machine may be busy */
async function bothRun(workers = 0, staleness = '60s'): Promise<void> {
  signing = await processOn(url, { env: { HOLDFAST_WORKERS: String(workers), HOLDFAST_READ_DATABASE: there() } });
  onStandby = await publicOnly('', { HOLDFAST_READ_DATABASE: there(), HOLDFAST_STALENESS: staleness });
  await enrol(signing, SUBJECT);
  await until(async () => (await statusOf(onStandby, FETCH)) === 200);
}
const turn = async (verb: 'suspend' | 'resume') => expect((await admin(signing, 'POST', `${MEMBER}/${verb}`, { reason: 'test' })).status).toBe(200);

it('a member whose suspension was answered is served by no process and no worker on the synchronous standby, asked at once, whatever was remembered there', async () => {
  await waitsFor(`FIRST 1 (${STANDBY})`);
  await bothRun(2);
  const workers = (await readFile(`/proc/${signing.child.pid}/task/${signing.child.pid}/children`, 'utf8')).trim().split(' ');
  for (const pid of workers) expect(await readFile(`/proc/${pid}/environ`, 'latin1')).not.toContain('HOLDFAST');
  let served = 0;
  for (let round = 0; round < 20; round++) {
    await turn('suspend');
    const found = await Promise.all([onStandby, signing, signing, signing].map((one) => statusOf(one, FETCH)));
    if (found.some((status) => status !== 404)) served++;
    await turn('resume');
    for (const one of [onStandby, signing]) await until(async () => (await statusOf(one, FETCH)) === 200);
    // It is remembered there by now.
    for (let n = 0; n < 5; n++) expect(await statusOf(onStandby, FETCH)).toBe(200);
  }
  expect(served).toBe(0);
  // What was changed is told there too, and by what stands in the catalog of the primary.
  await onServer(there(), async (on) => {
    const seen = await changesSince(on, undefined);
    expect(seen.told).toBe('all');
    expect((await changesSince(on, seen)).told).toEqual([]);
  });
});

it('a standby that shows nothing new is 503 once it is older than it may be, also when it has lagged all along; what was cut meanwhile is 404 when it has caught up', async () => {
  await waitsFor('');
  await bothRun(0, '3s');
  await onServer(standby.url('postgres'), (on) => on.script('SELECT pg_wal_replay_pause()'));
  await turn('suspend');
  expect(await statusOf(signing, FETCH)).toBe(404);
  await until(async () => (await statusOf(onStandby, FETCH)) === 503);
  expect(await statusOf(onStandby, '/readyz')).toBe(503);
  for (let n = 0; n < 20; n++) expect(await statusOf(onStandby, FETCH), 'and it stays so').toBe(503);
  await onServer(standby.url('postgres'), (on) => on.script('SELECT pg_wal_replay_resume()'));
  await until(async () => (await statusOf(onStandby, FETCH)) === 404);
  await turn('resume');
});

it('a primary whose synchronous standby is gone acknowledges no change, and goes on serving', async () => {
  await waitsFor(`FIRST 1 (${STANDBY})`);
  await bothRun();
  await standby.crash();
  const cut = admin(signing, 'POST', `${MEMBER}/suspend`, { reason: 'test' });
  const first = await Promise.race([cut.then(() => 'answered'), new Promise((done) => setTimeout(done, 5000, 'waits'))]);
  expect(first).toBe('waits');
  expect(await statusOf(signing, FETCH), 'which was not answered').toBe(200);
  await standby.startAgain();
  expect((await cut).status, 'and is carried out when it is back').toBe(200);
  expect(await statusOf(signing, FETCH)).toBe(404);
});

it('several servers behind one address: whoever follows one reads from it alone, though every other connection would lead elsewhere', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-spread-'));
  let next = 0;
  const spread = createServer((socket) => {
    const { folder: to } = [primary, standby][next++ % 2] as PostgresServer;
    const other = createConnection(join(to, '.s.PGSQL.5432'));
    socket.on('error', () => other.destroy());
    other.on('error', () => socket.destroy());
    socket.pipe(other).pipe(socket);
  }).listen(join(folder, '.s.PGSQL.5432'));
  await once(spread, 'listening');
  const follower = new Follower(serversOf(url.replace(encodeURIComponent(primary.folder), encodeURIComponent(folder))), {
    role: 'any',
    staleness: Number.MAX_SAFE_INTEGER,
    wall: () => Date.now(),
  });
  const where = new Set<unknown>();
  for (let n = 0; n < 12; n++) where.add((await follower.read('SELECT pg_is_in_recovery()', [])).rows[0]?.[0]);
  expect([where.size, next], 'of those that were made some led elsewhere').toEqual([1, 4]);
  await follower.end();
  spread.close();
});
