import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readConfig } from '../../src/platform/config.js';
import { expectStartable, moreThanCores } from '../../src/platform/start-check.node.js';
import { MAX_CONNECTIONS } from '../../src/platform/server.node.js';
import { workerEnvironment } from '../../src/platform/cores/worker-environment.js';
import { testKey } from '../support/keys.js';
import { admin, freePort, run, type Server, shared, startProcess, tempFolder } from '../support/process.js';

const SEAL = Buffer.alloc(32, 3).toString('base64');
const A = 'https://a.example.com';
const all = shared();
let several: Server;
let single: Server;
let metrics: number;
let log = '';
beforeAll(async () => {
  const folder = tempFolder(all.later);
  metrics = await freePort();
  const env = { HOLDFAST_SEAL_KEY: SEAL, HOLDFAST_METRICS_PORT: String(metrics), HOLDFAST_LOG: 'info' };
  several = await startProcess(folder, { args: ['--workers', '2'], env, later: all.later });
  several.child.stderr?.on('data', (chunk: Buffer) => (log += chunk.toString()));
  single = await startProcess(folder, { env: { HOLDFAST_SEAL_KEY: SEAL, HOLDFAST_URL: several.url }, later: all.later });
  const jwks = { keys: [(await testKey()).jwk] };
  expect((await admin(several, 'POST', '/authorities/main/members', { entity_id: A, jwks, activate: true })).status).toBe(201);
});
afterAll(() => all.end());

const portOf = ({ env }: Server) => Number(env['HOLDFAST_PORT']);

/** All that comes back on a connection of its own. */
async function answerTo(port: number, sent: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(sent);
  const got: Buffer[] = [];
  try {
    for await (const chunk of socket) got.push(chunk as Buffer);
  } catch {
    return 'cut';
  }
  return Buffer.concat(got).toString('latin1');
}
const host = () => new URL(several.url).host;
const get = (path: string, ...headers: string[]) => `GET ${path} HTTP/1.1\r\n${[`Host: ${host()}`, 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`;
const FETCH = `/fetch?sub=${encodeURIComponent(A)}`;
/** Connections go to the workers in turns: as many as that reach each of them more than once. */
const EACH = [1, 2, 3, 4, 5, 6];
const statuses = (path: string) => Promise.all(EACH.map(async () => Number((await answerTo(portOf(several), get(path))).slice(9, 12))));
const workersOf = ({ child }: Server) => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
const isThere = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((done) => setTimeout(done, 20));
}
const ready = async () => ((await (await fetch(`${several.url}/readyz`)).json()) as { checks: Record<string, string> }).checks['workers'];

it('every worker answers as one process alone does, byte for byte, whatever is asked', async () => {
  const etag = /\netag: (.*)\r/.exec(await answerTo(portOf(single), get(FETCH)))?.[1] as string;
  const mark = (body: string, ...headers: string[]) =>
    `POST /trust-mark-status HTTP/1.1\r\nHost: ${host()}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n${headers.map((one) => `${one}\r\n`).join('')}\r\n${body}`;
  const asked = [
    ...['/.well-known/openid-federation', FETCH, '/list', '/list?entity_type=openid_relying_party', '/', '/nothing', '/fetch', '/fetch?sub=%ff'].map((path) =>
      get(path),
    ),
    get('/', 'Accept: text/html'),
    get(FETCH, `If-None-Match: ${etag}`),
    get(FETCH).replace('GET', 'HEAD'),
    get(FETCH).replace('GET', 'OPTIONS'),
    get(FETCH).replace('GET', 'DELETE'),
    get(FETCH).replace('GET', 'PROPFIND'),
    ...[
      '/admin/v1/whoami',
      '/admin/v1',
      '/admin/v1?x',
      '/admin/v1x',
      '/join/v1/none',
      '/healthz',
      '/x/../admin/v1/whoami',
      '/x/%2e%2E/admin/v1/whoami',
      '//admin/v1/whoami',
      '/./list',
      '/admin%2fv1/whoami',
      '/\\admin/v1/whoami',
    ].map((path) => get(path)),
    get(`http://${host()}/admin/v1/whoami`),
    get(`http://${host()}${FETCH}`),
    get(FETCH).replace(/Host: .*\r\n/, ''),
    get(FETCH, 'Content-Length: 5').concat('hello'),
    mark('trust_mark=a.b.c'),
    mark('trust_mark=a%2Eb'),
    mark('trust_mark=a.b.c&client_assertion=x'),
    mark('trust_mark=a.b.c', 'Expect: 100-continue'),
    mark('x'.repeat(20_000)),
    mark('trust_mark=a.b.c').replace('/trust-mark-status', FETCH),
    'nonsense\r\n\r\n',
  ];
  const when = (answer: string) => answer.replace(/\r\nDate: .*\r\n/i, '\r\n');
  for (const sent of asked) {
    const expected = when(await answerTo(portOf(single), sent));
    expect(expected).toMatch(/^HTTP\/1\.1 \d/);
    for (const _ of [1, 2, 3]) expect(when(await answerTo(portOf(several), sent)), sent).toBe(expected);
  }
});

it('whoever was answered that a member is suspended finds it so at every worker, and again when it is resumed, each time', async () => {
  for (let round = 0; round < 8; round++) {
    expect(await statuses(FETCH)).toEqual(EACH.map(() => 200));
    expect((await admin(several, 'POST', `/authorities/main/members/${encodeURIComponent(A)}/suspend`, { reason: 'x' })).status).toBe(200);
    expect(await statuses(FETCH)).toEqual(EACH.map(() => 404));
    expect((await admin(several, 'POST', `/authorities/main/members/${encodeURIComponent(A)}/resume`, {})).status).toBe(200);
  }
});

it('a worker holds no secret: not in its environment, and no key or writable database open; what it answers is logged and counted as its own', async () => {
  const pids = workersOf(several);
  expect(pids).toHaveLength(2);
  for (const pid of pids) {
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
    expect(environment).not.toContain('HOLDFAST');
    expect(environment).not.toContain(SEAL);
    expect(readFileSync(`/proc/${pid}/cmdline`, 'latin1')).not.toContain('serve');
  }
  await until(() => /"worker":1.*"path":"\/fetch"/.test(log) && /"worker":2.*"path":"\/fetch"/.test(log));
  expect(log).not.toContain('?sub=');
  // The last one may still be on its way.
  for (const line of log.slice(0, log.lastIndexOf('\n')).split('\n')) expect(() => JSON.parse(line) as unknown, line).not.toThrow();
  await until(async () => {
    const told = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text();
    const count = (plane: string, status: number) =>
      Number(new RegExp(`holdfast_requests_total\\{method="[A-Z]+",plane="${plane}",status="${status}"\\} (\\d+)`).exec(told)?.[1] ?? 0);
    return count('public', 404) >= 48 && count('admin', 200) >= 16 && /holdfast_workers_missing 0\n/.test(told);
  });
});

it('a worker that is killed is replaced, and nobody but those it was answering notices', async () => {
  const [first] = workersOf(several);
  process.kill(first as number, 'SIGKILL');
  await until(() => !isThere(first as number));
  // Whoever comes while it is away is answered by the other one.
  expect(await statuses(FETCH)).toEqual(EACH.map(() => 200));
  expect((await admin(several, 'POST', `/authorities/main/members/${encodeURIComponent(A)}/suspend`, { reason: 'x' })).status).toBe(200);
  await until(async () => (await ready()) === 'ok');
  expect(await statuses(FETCH), 'the new one knows what happened before it was there').toEqual(EACH.map(() => 404));
  expect((await admin(several, 'POST', `/authorities/main/members/${encodeURIComponent(A)}/resume`, {})).status).toBe(200);
  expect(await statuses(FETCH)).toEqual(EACH.map(() => 200));
});

it('a worker that hangs holds up no cut for long, and serves nothing afterwards', async () => {
  const [first] = workersOf(several);
  process.kill(first as number, 'SIGSTOP');
  const suspend = () => {
    const body = JSON.stringify({ reason: 'x' });
    const path = `/admin/v1/authorities/main/members/${encodeURIComponent(A)}/suspend`;
    const headers = [`Authorization: Bearer ${several.token}`, 'Content-Type: application/json', `Content-Length: ${body.length}`];
    return answerTo(portOf(several), get(path, ...headers).replace('GET', 'POST') + body);
  };
  // A connection that the worker does not take up is the last one that it gets (and nobody answers it): the other one is answered.
  const answered = async () => expect(await suspend()).toMatch(/^HTTP\/1\.1 200 /);
  await Promise.any([answered(), answered()]);
  await until(() => !isThere(first as number));
  await until(async () => (await ready()) === 'ok');
  expect(await statuses(FETCH)).toEqual(EACH.map(() => 404));
});

it('beyond what all workers hold a connection is closed at once: it does not go round among them', async () => {
  const room = 2 * MAX_CONNECTIONS;
  let closed = 0;
  const sockets = Array.from({ length: room + 8 }, () => {
    const socket = connect(portOf(several), '127.0.0.1', () => void socket.write('GET / HT'));
    return socket.on('error', () => undefined).on('close', () => closed++);
  });
  await until(() => closed >= 8);
  expect(sockets.length - closed, 'the others stay').toBeGreaterThan(MAX_CONNECTIONS);
  for (const socket of sockets) socket.destroy();
  await until(async () => (await answerTo(portOf(several), get('/healthz'))).startsWith('HTTP/1.1 200 '));
});

it('with SIGTERM all of them end, the exit code is 0, and the port is free', async () => {
  const pids = workersOf(several);
  expect(await several.kill('SIGTERM')).toBe(0);
  expect(pids.filter(isThere)).toEqual([]);
  expect(await answerTo(portOf(several), get('/')).catch(() => 'cut')).toBe('cut');
});

it('the public plane alone runs by several workers too; when what started them is killed they end', async () => {
  const { HOLDFAST_SEAL_KEY: _, ...env } = single.env;
  const alone = await startProcess(single.env['HOLDFAST_DATA'] as string, {
    args: ['--public-only'],
    env: { ...env, HOLDFAST_PORT: String(await freePort()), HOLDFAST_WORKERS: '2' },
    later: all.later,
  });
  expect(alone.banner).toContain('by 2 workers; it holds no key');
  expect((await answerTo(portOf(alone), get('/list'))).slice(0, 12)).toBe('HTTP/1.1 200');
  expect(await answerTo(portOf(alone), get('/readyz'))).toContain('"workers":"ok"');
  expect((await answerTo(portOf(alone), get('/admin/v1/whoami'))).slice(0, 12)).toBe('HTTP/1.1 404');
  const pids = workersOf(alone);
  await alone.kill('SIGKILL');
  await until(() => !pids.some(isThere));
});

it('a start that cannot be made says why: a taken port, a number that is none, PostgreSQL without a reader', async () => {
  const taken = await run(['serve', '--workers', '2'], { ...single.env });
  expect(taken).toMatchObject({ code: 1, stderr: expect.stringContaining('is taken; choose another with HOLDFAST_PORT') });
  for (const workers of ['-1', '65', '1.5', 'two', '1e1']) expect(() => readConfig({ HOLDFAST_WORKERS: workers }), workers).toThrow('HOLDFAST_WORKERS');
  expect(readConfig({ HOLDFAST_WORKERS: '64' }).workers).toBe(64);
  expect(readConfig({}).workers).toBe(0);
  expect(moreThanCores(readConfig({ HOLDFAST_WORKERS: '3' }), 2)).toEqual([expect.stringContaining('3 workers on 2 cores')]);
  expect(moreThanCores(readConfig({ HOLDFAST_WORKERS: '2' }), 2)).toEqual([]);
  const database = { HOLDFAST_WORKERS: '2', HOLDFAST_DATABASE: 'postgres://holdfast@localhost/x' };
  expect(() => expectStartable(readConfig(database))).toThrow('HOLDFAST_READ_DATABASE');
  expect(() => expectStartable(readConfig({ ...database, HOLDFAST_READ_DATABASE: 'postgres://reader@localhost/x' }))).not.toThrow();
});

it('the environment of a worker has what is named, and nothing else', () => {
  const env = { PATH: '/bin', NODE_OPTIONS: '--x', HOLDFAST_SEAL_KEY: SEAL, HOLDFAST_SEAL_KEY_FILE: 'f', PGPASSWORD: 'p', AWS_SECRET: 's', LC_ALL: 'C' };
  const given = (signs: boolean) => Object.entries(workerEnvironment(env, { signs })).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  expect(given(true)).toEqual(['PATH', 'NODE_OPTIONS', 'LC_ALL']);
  expect(given(false)).toEqual(['PATH', 'NODE_OPTIONS', 'PGPASSWORD', 'LC_ALL']);
});
