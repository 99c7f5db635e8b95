import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.node.js';
import { testKey } from '../support/keys.js';
import { admin, bun, localhostCertificate, MAIN, run, type Server, shared, startProcess, tempFolder } from '../support/process.js';

/** A driver for Node in a process on Bun is a fault, whoever asks for it. */
const NO_DRIVER = `import { plugin } from 'bun';
const refuse = (name) => () => { throw new Error(name + ' is loaded'); };
plugin({ name: 'no driver', setup: (build) => ['better-sqlite3', 'better-sqlite3-12'].forEach((name) => build.module(name, refuse(name))) });
`;
const MEMBER = 'https://rp.example.com';
const OTHER = 'https://other.example.com';
const TYPE = 'https://marks.example.org/certified';
const FORM = 'application/x-www-form-urlencoded';
const e = encodeURIComponent;
const { later, end } = shared();
afterAll(end);

interface Plane extends Server {
  /** All of its log so far. */
  readonly log: () => string;
}
let signing: Server;
let node: Plane;
let onBun: Plane;
let folder: string;
let host: string;
let mark: string;
let key: Awaited<ReturnType<typeof testKey>>;

async function plane(on: readonly string[] | undefined, env: Record<string, string> = {}): Promise<Plane> {
  let said = '';
  const args = ['--public-only'];
  const started = await startProcess(folder, { args, env: { HOLDFAST_URL: signing.url, HOLDFAST_LOG: 'info', ...env }, later, on: on ?? [process.execPath] });
  started.child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  return { ...started, log: () => said };
}

beforeAll(async () => {
  folder = tempFolder(later);
  const trap = join(tempFolder(later), 'no-driver.ts');
  writeFileSync(trap, NO_DRIVER);
  signing = await startProcess(folder, { later });
  host = new URL(signing.url).host;
  key = await testKey();
  for (const id of [MEMBER, OTHER])
    await admin(signing, 'POST', '/authorities/main/members', { entity_id: id, jwks: { keys: [key.jwk] }, entity_types: ['oauth_client'], activate: true });
  await admin(signing, 'POST', '/authorities/main/mark-types', { trust_mark_type: TYPE });
  mark = (await admin(signing, 'POST', '/authorities/main/marks', { trust_mark_type: TYPE, member: MEMBER })).json.trust_mark;
  await admin(signing, 'POST', `/authorities/main/entities/${e(signing.url)}/evaluate`);
  await admin(signing, 'PATCH', '/authorities/main', { client_auth: { fetch: 'optional' } });
  const [program, ...flags] = bun() as readonly [string, ...string[]];
  expect(spawnSync(program, [...flags, '--preload', trap, '-e', 'require("better-sqlite3")'], { cwd: process.cwd() }).status, 'the trap snaps').not.toBe(0);
  [node, onBun] = await Promise.all([plane(undefined), plane([program, ...flags, '--preload', trap])]);
});

/** What comes back on a connection until the server ends it, but for the date. */
async function raw(on: Server, text: string, { tls = false, port = Number(on.env['HOLDFAST_PORT']) } = {}): Promise<string> {
  const socket = tls ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }) : connect(port, '127.0.0.1');
  socket.write(text);
  let got = '';
  try {
    for await (const chunk of socket) got += (chunk as Buffer).toString('latin1');
  } catch {
    got += '(reset)';
  }
  return got.replace(/\r\nDate: [^\r]+/g, '');
}

/** Requests on one connection, each when the one before was answered: plain ones are answered before the server, whatever is after them by it. */
async function inTurn(on: Server, texts: readonly string[]): Promise<readonly string[]> {
  const socket = connect(Number(on.env['HOLDFAST_PORT']), '127.0.0.1').setEncoding('latin1');
  const answers: string[] = [];
  for (const text of texts) {
    socket.write(text, 'latin1');
    let got = '';
    const isWhole = () => {
      const end = got.indexOf('\r\n\r\n');
      const length = /^HTTP\/1\.1 304|^$/.test(got) ? 0 : Number(/\r\ncontent-length: (\d+)/i.exec(got.slice(0, end + 2))?.[1] ?? 0);
      return end !== -1 && got.length >= end + 4 + length;
    };
    while (!isWhole())
      got += await new Promise<string>((resolve, reject) => void socket.once('data', resolve).once('close', () => reject(new Error(`cut after ${got}`))));
    socket.removeAllListeners('close');
    answers.push(got.replace(/\r\nDate: [^\r]+/g, ''));
  }
  socket.destroy();
  return answers;
}

const head = (line: string, ...more: readonly string[]) => `${[`${line} HTTP/1.1`, `Host: ${host}`, ...more].join('\r\n')}\r\n\r\n`;
const LAST = 'Connection: close';
const ask = (line: string, ...more: readonly string[]) => head(line, ...more, LAST);
const post = (path: string, body: string, ...more: readonly string[]) => `${ask(`POST ${path}`, ...more, `Content-Length: ${Buffer.byteLength(body)}`)}${body}`;
/** With another request behind it, after which the server ends the connection: what was taken for the end of the first one shows. */
const andThen = (text: string) => text + ask('GET /healthz');

async function expectSame(text: string, what = text): Promise<string> {
  const [one, other] = await Promise.all([raw(node, text), raw(onBun, text)]);
  expect(other, what.slice(0, 300)).toBe(one);
  return one;
}

describe('a public plane on Bun answers what one on Node answers, byte for byte', () => {
  it('every endpoint, whole, by HEAD and on condition, from what is kept and from the app', async () => {
    const statuses: Record<string, number> = {};
    const paths = [
      '/.well-known/openid-federation',
      `/fetch?sub=${e(MEMBER)}`,
      `/fetch?sub=${MEMBER}`,
      '/list',
      '/list?entity_type=oauth_client&intermediate=false',
      `/list?trust_marked=true&trust_mark_type=${e(TYPE)}`,
      '/extended-list',
      `/resolve?sub=${e(signing.url)}&trust_anchor=${e(signing.url)}`,
      `/trust-mark?trust_mark_type=${e(TYPE)}&sub=${e(MEMBER)}`,
      `/trust-mark-list?trust_mark_type=${e(TYPE)}`,
      '/historical-keys',
      '/status-lists/0',
      '/readyz',
      '/healthz',
      '/',
      '/nowhere',
      '/admin/v1/whoami',
    ];
    for (const path of paths) {
      const first = await expectSame(ask(`GET ${path}`));
      statuses[path.replace(/\?.*/, '')] = Number(first.slice(9, 12));
      expect(await expectSame(ask(`GET ${path}`)), 'again').toBe(first);
      await expectSame(ask(`HEAD ${path}`));
      const etag = /\r\netag: ([^\r]+)/.exec(first)?.[1];
      if (etag === undefined) continue;
      expect(await expectSame(ask(`GET ${path}`, `If-None-Match: ${etag}`))).toMatch(/^HTTP\/1\.1 304 /);
      await expectSame(ask(`HEAD ${path}`, `If-None-Match: W/${etag}, "x"`));
      await expectSame(ask(`GET ${path}`, 'If-None-Match: "x"'));
    }
    expect(Object.entries(statuses).filter(([, status]) => status !== 200)).toEqual([
      ['/', 404],
      ['/nowhere', 404],
      ['/admin/v1/whoami', 404],
    ]);
    await expectSame(ask('GET /', 'Accept: text/html'), 'the page');
  });

  it('plain requests on one connection, and what is not plain after them', async () => {
    const etag = /\r\netag: ([^\r]+)/.exec(await raw(node, ask('GET /list')))?.[1];
    const body = `trust_mark=${mark}`;
    const status = `${head('POST /trust-mark-status', `Content-Type: ${FORM}`, `Content-Length: ${body.length}`)}${body}`;
    const plain = [
      head('GET /.well-known/openid-federation'),
      head(`GET /fetch?sub=${e(MEMBER)}`),
      head('GET /list'),
      head('GET /list', `If-None-Match: ${etag}`),
      status,
      status,
      head(`GET /resolve?sub=${e(signing.url)}&trust_anchor=${e(signing.url)}`, 'Accept: */*', 'Connection: keep-alive'),
      head('GET /list'),
    ];
    const others = [head('GET /nowhere'), head('GET /list'), `${head('POST /trust-mark-status', 'Content-Length: 3')}abc`, head('GET /healthz'), ...plain];
    const all = [...plain, ...plain, ...others];
    const [one, other] = await Promise.all([inTurn(node, all), inTurn(onBun, all)]);
    expect(other).toEqual(one);
    expect(one.map((answer) => answer.slice(9, 12)).slice(0, 8)).toEqual(['200', '200', '200', '304', '200', '200', '200', '200']);
  });

  it('the status of a mark, an authenticated caller: spent at one, it is spent at the other', async () => {
    const status = (body: string, ...more: readonly string[]) => expectSame(post('/trust-mark-status', body, `Content-Type: ${FORM}`, ...more));
    for (let n = 0; n < 2; n++) expect(await status(`trust_mark=${mark}`)).toMatch(/^HTTP\/1\.1 200 /);
    for (const body of [
      `trust_mark=${mark.slice(0, -4)}AAAA`,
      `trust_mark=${mark}&x=%zz`,
      'trust_mark=',
      '',
      `x=${'y'.repeat(9000)}`,
      `x=${'y'.repeat(80_000)}`,
    ])
      await status(body);
    await status(`trust_mark=${mark}`, 'Content-Encoding: br');
    await expectSame(post('/trust-mark-status', `trust_mark=${mark}`, 'Content-Type: application/json'));

    const now = Math.floor(Date.now() / 1000);
    const assertion = await key.jwt({ iss: MEMBER, sub: MEMBER, aud: signing.url, jti: 'once', iat: now, exp: now + 120 }, { typ: 'JWT' });
    const body = `sub=${e(OTHER)}&client_assertion_type=${e('urn:ietf:params:oauth:client-assertion-type:jwt-bearer')}&client_assertion=${assertion}`;
    const text = post('/fetch', body, `Content-Type: ${FORM}`);
    expect([(await raw(onBun, text)).slice(9, 12), (await raw(node, text)).slice(9, 12), (await raw(onBun, text)).slice(9, 12)]).toEqual(['200', '401', '401']);
  });

  it('what is malformed, too long, by the wrong method, for another host', async () => {
    const fetch = `/fetch?sub=${e(MEMBER)}`;
    const refused = [
      'GET /fetch',
      'GET /fetch?sub=x',
      'GET /fetch?sub=%zz',
      `GET ${fetch}&sub=x`,
      `GET ${fetch}&a=%00`,
      `GET /list?entity_type=${'y'.repeat(9000)}`,
      'GET /trust-mark-status',
      'DELETE /list',
      'PUT /.well-known/openid-federation',
      'POST /list',
      'OPTIONS /list',
      'OPTIONS /trust-mark-status',
      'TRACE /list',
      'PROPFIND /list',
      'NONSENSE /list',
      'get /list',
      'GET /../list',
      'GET //list',
      'GET /list#x',
      'GET /é',
      'GET /a b',
      'GET list',
      `GET http://${host}/list`,
      'GET http://elsewhere.example/list',
      'CONNECT elsewhere.example:443',
    ];
    for (const line of refused) await expectSame(ask(line));
    for (const name of ['elsewhere.example', '', `x@${host}`, host.toUpperCase(), `${host}/x`, 'a b'])
      await expectSame(`GET /list HTTP/1.1\r\nHost: ${name}\r\n${LAST}\r\n\r\n`);
    await expectSame('GET /list HTTP/1.1\r\n\r\n', 'no host');
    await expectSame(`GET /list HTTP/1.1\r\nHost: ${host}\r\nHost: ${host}\r\n${LAST}\r\n\r\n`, 'two hosts');
    await expectSame(`GET /list HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
    await expectSame(ask('GET /list', `X: ${'a'.repeat(17_000)}`), 'a long header');
    await expectSame(ask(`GET /${'a'.repeat(17_000)}`));
  });

  it('shapes that smuggle a request: the same of them is refused, and of the rest each sees the same end', async () => {
    const chunked = ['Transfer-Encoding: chunked', `Content-Type: ${FORM}`];
    const to = (...headers: readonly string[]) => head('POST /trust-mark-status', ...headers);
    const body = '5\r\nx=abc\r\n0\r\n\r\n';
    const shapes: readonly string[] = [
      to(...chunked) + body,
      to(...chunked, 'Content-Length: 5') + body,
      to('Content-Length: 5', ...chunked) + body,
      `${to(`Content-Type: ${FORM}`, 'Content-Length: 5', 'Content-Length: 6')}x=abcd`,
      to('Transfer-Encoding: gzip, chunked', `Content-Type: ${FORM}`) + body,
      to('Transfer-Encoding: chunked, gzip', `Content-Type: ${FORM}`) + body,
      to('Transfer-Encoding: identity', `Content-Type: ${FORM}`),
      to('Transfer-Encoding: xchunked', `Content-Type: ${FORM}`) + body,
      to('Transfer-Encoding : chunked') + body,
      to(' Transfer-Encoding: chunked') + body,
      to('Transfer-Encoding:\x0bchunked') + body,
      ...['+5', '-5', '0x5', '5 5', '5,5', '', '99999999999999999999'].map((length) => `${to(`Content-Type: ${FORM}`, `Content-Length: ${length}`)}x=abc`),
      `${to(...chunked)}5;a=b\r\nx=abc\r\n0\r\n\r\n`,
      `${to(...chunked)}5\r\nx=abc\r\n0\r\nX: y\r\n\r\n`,
      `${to(...chunked)}5\r\nx=abcd\r\n0\r\n\r\n`,
      `${to(...chunked)}5\nx=abc\n0\n\n`,
      `${to(...chunked)}zz\r\nx=abc\r\n0\r\n\r\n`,
      `${to(`Content-Type: ${FORM}`, 'Content-Length: 5', 'Content-Length: 5')}x=abc`,
      `${head('GET /list', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
      'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /list\r\n\r\n',
      'GET /list HTTP/1.1\nHost: x\n\n',
      head('GET /list', 'A: b', ' c'),
      head('GET /list', 'A: b\rc'),
      head('GET /list', 'A: b\0c'),
      head('GET /list', 'A'),
      head('GET /list', ': b'),
      `${head('GET /list', 'Content-Length: 10')}GET /other`,
      `\r\n${head('GET /list')}`,
      'GET /list HTTP/3.9\r\nHost: x\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '\x16\x03\x01\x02\x00\x01\x00',
    ];
    for (const shape of shapes) await expectSame(andThen(shape));
  });

  it('docs/architecture.md: what Bun reads otherwise', async () => {
    const status = (text: string) =>
      Promise.all([node, onBun].map(async (one) => [...(await raw(one, text)).matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, code]) => code)));
    const many = await status(ask('GET /list', ...Array.from({ length: 1500 }, () => 'A: b')));
    // Late versions of Node 24 count them as well.
    expect([['200', '431'].includes(many[0]?.[0] ?? ''), many[1]], 'so many headers').toEqual([true, ['431']]);
    expect(await status(andThen(`GET /list HTTP/1.0\r\nHost: ${host}\r\nConnection: keep-alive\r\n\r\n`)), 'HTTP/1.0 is not kept alive').toEqual([
      ['200', '200'],
      ['200'],
    ]);
  });

  it('several requests on one connection are answered in their order, and one that sends a hundred ahead is cut', async () => {
    const some = ['/list', '/nowhere', `/fetch?sub=${e(MEMBER)}`, '/healthz', '/readyz', '/list'].map((path) => head(`GET ${path}`)).join('');
    expect((await expectSame(andThen(some.repeat(8)))).match(/HTTP\/1\.1 /g)).toHaveLength(49);
    for (const path of ['/list', '/nowhere', '/healthz']) {
      const answered = ((await raw(onBun, andThen(head(`GET ${path}`).repeat(400)))).match(/HTTP\/1\.1 /g) ?? []).length;
      expect(answered, path).toBeLessThanOrEqual(100);
    }
    await expectSame(ask('GET /list'));
  });

  it('by TLS', async () => {
    const { cert, key: secret } = await localhostCertificate(tempFolder());
    const env = { HOLDFAST_TLS_CERT: cert, HOLDFAST_TLS_KEY: secret };
    const [one, other] = await Promise.all([plane(undefined, env), plane(bun(), env)]);
    for (const text of [ask('GET /list'), ask('HEAD /list'), ask(`GET /fetch?sub=${e(MEMBER)}`), ask('GET /nowhere'), 'nonsense\r\n\r\n'])
      expect(await raw(other, text, { tls: true })).toBe(await raw(one, text, { tls: true }));
    expect(await other.kill('SIGTERM')).toBe(0);
    await one.kill('SIGTERM');
  });
});

describe('a public plane on Bun beside the process that writes', () => {
  it('serves nothing of a member that is suspended, as soon as Node does', async () => {
    const fetch = ask(`GET /fetch?sub=${e(OTHER)}`);
    expect(await expectSame(fetch)).toMatch(/^HTTP\/1\.1 200 /);
    await admin(signing, 'POST', `/authorities/main/members/${e(OTHER)}/suspend`, { reason: 'x' });
    // Longer than anybody may go on with what he keeps, by a clock of his own.
    await new Promise((done) => setTimeout(done, 50));
    expect(await expectSame(fetch)).toMatch(/^HTTP\/1\.1 404 /);
    expect(await expectSame(ask('GET /list'))).not.toContain(OTHER);
  });

  it('says 503 when the database is away, damaged, or none, and answers when it is back', async () => {
    const file = join(folder, 'holdfast.db');
    await signing.kill('SIGTERM');
    const writer = openSqlite(file);
    writer.pragma('wal_checkpoint(TRUNCATE)');
    writer.close();
    const list = ask('GET /list');
    const look = async () => {
      await new Promise((done) => setTimeout(done, 50));
      return expectSame(list);
    };
    const before = await look();
    const aside = `${file}.aside`;
    renameSync(file, aside);
    expect(await look()).toMatch(/^HTTP\/1\.1 503 /);
    writeFileSync(file, 'nonsense'.repeat(4000));
    await look();
    const damaged = readFileSync(aside).fill(0xff, 4096);
    writeFileSync(`${file}.damaged`, damaged);
    renameSync(`${file}.damaged`, file);
    expect(await look()).not.toMatch(/^HTTP\/1\.1 200 /);
    renameSync(aside, file);
    expect(await look()).toBe(before);
  });

  it('its log says what that of Node says, and a stop lets what has begun come to its end', async () => {
    const begun = await Promise.all(
      [node, onBun].map(async (one) => {
        const socket = connect(Number(one.env['HOLDFAST_PORT']), '127.0.0.1').setEncoding('latin1');
        socket.write(head('POST /trust-mark-status', `Content-Type: ${FORM}`, 'Content-Length: 5'));
        // Answered, so the one before it on its way has been read.
        await raw(one, ask('GET /healthz'));
        const answer = (async () => {
          let got = '';
          for await (const chunk of socket) got += String(chunk);
          return got.replace(/\r\nDate: [^\r]+/, '');
        })();
        const ended = one.kill('SIGTERM');
        while (!one.log().includes('stopping')) await new Promise((done) => setTimeout(done, 5));
        socket.write('x=abc');
        return [await answer, await ended];
      }),
    );
    expect(begun[1]).toEqual(begun[0]);
    expect(begun[1]).toEqual([expect.stringMatching(/^HTTP\/1\.1 400 /), 0]);
    const lines = ({ log }: Plane) =>
      log()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => {
          const { time: _, ms: __, ...rest } = JSON.parse(line) as Record<string, unknown>;
          return JSON.stringify(rest);
        });
    const some = lines(onBun).slice(0, 60);
    expect(some).toHaveLength(60);
    expect(some).toEqual(lines(node).slice(0, 60));
  });
});

it('on Bun nothing else runs, and what cannot be served from there is told', async () => {
  const [program, ...flags] = bun() as readonly [string, ...string[]];
  const there = (args: readonly string[], env: Record<string, string> = {}) => run([MAIN, ...args], env, flags[0], program);
  expect(await there(['--version'])).toMatchObject({ code: 0 });
  const data = tempFolder();
  for (const args of [['serve'], ['member', 'list'], ['backup', 'create', 'x'], ['fsck'], ['init']])
    expect(await there(args, { HOLDFAST_DATA: join(data, 'none') }), args.join(' ')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('on Bun only holdfast serve --public-only runs'),
    });
  expect(existsSync(join(data, 'none'))).toBe(false);
  const alone = ['serve', '--public-only'];
  expect(await there(alone, { HOLDFAST_DATABASE: 'postgres://a@localhost/b' })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('HOLDFAST_DATABASE: on Bun'),
  });
  expect(await there(alone, { HOLDFAST_DATA: data })).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no database') });
  mkdirSync(join(data, 'holdfast.db'));
  expect(await there(alone, { HOLDFAST_DATA: data })).toMatchObject({ code: 1 });
});
