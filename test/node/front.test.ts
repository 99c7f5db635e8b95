import { createServer } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as later } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { plainHeads } from '../../src/edge/request-head.js';
import { standBefore } from '../../src/platform/front.node.js';
import { listen } from '../../src/platform/server.node.js';
import { createPublicApp } from '../../src/public/app.js';
import { hotPath, type Told } from '../../src/public/hot-path.node.js';
import { plainAnswers } from '../../src/public/plain-answers.node.js';
import { ANCHOR, testDeployment, testMember } from '../support/deployment.js';

const { host } = new URL(ANCHOR);
/** Sooner than limits that are not the test's own (milliseconds). */
const SOON = 4000;
const id = 'https://rp.example.com';
const FETCH = `/fetch?sub=${encodeURIComponent(id)}`;
const dateless = (text: string): string => text.replace(/\r\nDate: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n/g, '\r\nDate\r\n');

/** A connection that says what it is told, and waits for the answers. */
async function talking(port: number) {
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  onTestFinished(() => void socket.destroy());
  let got = '';
  let all = '';
  let closed = false;
  socket.on('data', (chunk: Buffer) => {
    got += chunk.toString('latin1');
    all += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    closed = true;
  });
  await new Promise((done) => socket.once('connect', done));
  return {
    socket,
    isClosed: () => closed,
    /** All that has come back. */
    all: () => dateless(all),
    /** Say it in these pieces. @returns all that comes back until it is whole, or the connection ends */
    async say(...pieces: readonly string[]): Promise<string> {
      got = '';
      for (const [n, piece] of pieces.entries()) {
        if (n > 0) await later(15);
        socket.write(piece, 'latin1');
      }
      const whole = () => {
        const end = got.indexOf('\r\n\r\n');
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(got.slice(0, end + 2))?.[1] ?? 0);
        return end !== -1 && got.length >= end + 4 + (pieces[0]?.startsWith('HEAD ') ? 0 : length);
      };
      const until = performance.now() + 20_000;
      while (!whole() && !closed && performance.now() < until) await later(2);
      await later(5);
      return dateless(got);
    },
  };
}

/** The same federation behind two listeners: one that answers plain requests on the connection, one where a server of Node reads all. */
async function federation(takes = 0) {
  const d = await testDeployment();
  const { jwks } = await testMember(id);
  await d.admin('POST', '/authorities/main/members', { entity_id: id, jwks, entity_types: ['openid_relying_party'], activate: true });
  const context = { published: d.published, inbox: d.inbox, now: () => d.clock, development: false };
  const app = createPublicApp(() => context);
  const told: unknown[][] = [];
  const tell: Told = (...one) => void told.push(one.slice(0, 3));
  const behind = takes === 0 ? (request: Request) => app.fetch(request) : (request: Request) => later(takes).then(() => app.fetch(request));
  const listener = async (on: boolean) => {
    const parts = { fetch: (request: Request) => app.fetch(request), hot: hotPath(() => context, 'http', undefined) };
    const server = await listen(
      {
        ...parts,
        ...(on && {
          plain: plainAnswers(() => context, 'http', tell, behind),
        }),
      },
      { host: '127.0.0.1', port: 0 },
    );
    onTestFinished(() => server.stop());
    return server.port;
  };
  return { d, told, port: await listener(true), plain: await listener(false) };
}

const ask = (target: string, ...fields: readonly string[]): string => `${[`GET ${target} HTTP/1.1`, `Host: ${host}`, ...fields].join('\r\n')}\r\n\r\n`;

it('a connection is answered byte for byte as by a server of Node, and goes on the same: plain requests, and what is not plain (§8.1.1)', async () => {
  const { d, told, port, plain } = await federation();
  const type = `${ANCHOR}/marks/x`;
  await d.admin('POST', '/authorities/main/mark-types', { trust_mark_type: type });
  const { json } = await d.admin('POST', '/authorities/main/marks', { trust_mark_type: type, member: id });
  const form = `trust_mark=${json.trust_mark}`;
  const post = (body: string, ...fields: readonly string[]) =>
    `${['POST /trust-mark-status HTTP/1.1', `Host: ${host}`, 'Content-Type: application/x-www-form-urlencoded', ...fields].join('\r\n')}\r\n\r\n${body}`;
  const sized = (body: string, ...fields: readonly string[]) => post(body, `Content-Length: ${body.length}`, ...fields);
  const etag = /\r\netag: ("[^\r]+")/.exec(await (await talking(plain)).say(ask(FETCH)))?.[1];
  await (await talking(plain)).say(sized(form));
  await (await talking(plain)).say(ask('/list'));
  const requests: readonly (readonly string[])[] = [
    [ask(FETCH)],
    [ask('/list')],
    [ask(FETCH, 'Connection: keep-alive', 'User-Agent: some/1.0 (a; b)', 'Accept: */*', 'Accept-Encoding: gzip')],
    [ask(FETCH, `If-None-Match: ${etag}`)],
    [ask(FETCH, `if-none-match:W/${etag}`)],
    [ask(FETCH, 'If-None-Match: "other"')],
    [ask(FETCH, 'X-Empty:', 'X-Other: ')],
    [sized(form)],
    [sized(form, 'Connection: keep-alive')],
    // Not plain, or not here: a server of Node reads it, and all that comes after it on this connection.
    [ask(FETCH, 'Connection: close')],
    [ask(FETCH, 'Connection: Upgrade', 'Upgrade: websocket')],
    [ask(FETCH, 'Host: other.example')],
    [ask(FETCH, 'Content-Length: 3')],
    [ask(FETCH, 'Content-Length: 0', 'Content-Length: 0')],
    [ask(FETCH, 'Transfer-Encoding: chunked')],
    [ask(FETCH, 'Content-Length: 0', 'Transfer-Encoding: chunked')],
    [ask(FETCH, ' folded: yes')],
    [ask(FETCH, 'Odd : name')],
    [ask(FETCH, 'Odd: a\x01b')],
    [ask(FETCH, 'Odd: a\0b')],
    [ask(FETCH, 'Odd: \xff')],
    [ask(FETCH, 'no colon at all')],
    [ask(FETCH, 'Expect: 100-continue')],
    [ask(FETCH, `Long: ${'x'.repeat(5000)}`)],
    [ask(FETCH, `Long: ${'x'.repeat(20_000)}`)],
    [ask(`${FETCH}#x`)],
    [ask(`${FETCH} x`)],
    [ask(`/${'x'.repeat(9000)}`)],
    [ask('/nowhere')],
    [ask(FETCH).replace('HTTP/1.1', 'HTTP/1.0')],
    [ask(FETCH).replace('HTTP/1.1', 'HTTP/1.2')],
    [ask(FETCH).replace('HTTP/1.1', 'http/1.1')],
    [ask(FETCH).replaceAll('\r\n', '\n')],
    [ask(FETCH).replace('\r\n', '\n')],
    [ask(FETCH).replace(`Host: ${host}\r\n`, '')],
    [ask(FETCH).replace('GET', 'get')],
    [ask(FETCH).replace('GET', 'HEAD')],
    [ask(FETCH).replace('GET ', 'GET  ')],
    [`\r\n${ask(FETCH)}`],
    [ask(FETCH) + ask('/list')],
    [ask(FETCH).slice(0, 20), ask(FETCH).slice(20)],
    [sized(form).slice(0, -10), sized(form).slice(-10)],
    [sized(form) + ask(FETCH)],
    [sized(`${form} `)],
    [sized('trust_mark=x')],
    [post(form, `Content-Length: ${form.length - 1}`)],
    [post(form, `Content-Length: +${form.length}`)],
    [post(form, `Content-Length: ${form.length}, ${form.length}`)],
    [post(`${form.length.toString(16)}\r\n${form}\r\n0\r\n\r\n`, 'Transfer-Encoding: chunked')],
    [post(`0\r\n\r\n${ask(FETCH)}`, `Content-Length: ${form.length}`, 'Transfer-Encoding: chunked')],
    ['\x16\x03\x01\x00\x01'],
    ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ];
  for (const pieces of requests) {
    const said = pieces.join(' | ').slice(0, 300);
    const [one, other] = await Promise.all([talking(port), talking(plain)]);
    // Before it a plain one: then the connection is here; after it another one, wherever it is by then.
    for (const some of [[ask(FETCH)], pieces, [ask(FETCH)]]) {
      await Promise.all([one.say(...some), other.say(...some)]);
      // More than one answer may be on its way, and one of the two a moment before the other.
      await vi.waitFor(() => expect(one.all(), said).toBe(other.all()), 20_000);
    }
    await vi.waitFor(() => expect(one.isClosed(), said).toBe(other.isClosed()), SOON);
    expect(one.all(), said).toBe(other.all());
    for (const { socket } of [one, other]) socket.destroy();
  }
  expect(told.filter(([method, , status]) => method === 'GET' && status === 200).length, 'plain ones are answered here').toBeGreaterThan(50);
  expect(told).toContainEqual(['GET', FETCH, 304]);
  expect(told.filter(([method]) => method === 'POST')).toEqual([
    ['POST', '/trust-mark-status', 200],
    ['POST', '/trust-mark-status', 200],
  ]);
});

it('a cut is seen with the next request of a connection that is answered here', async () => {
  const { d, told, port } = await federation();
  const connection = await talking(port);
  for (let n = 0; n < 3; n++) expect(await connection.say(ask(FETCH))).toMatch(/^HTTP\/1\.1 200 /);
  expect(told.length).toBeGreaterThan(0);
  await d.admin('POST', `/authorities/main/members/${encodeURIComponent(id)}/suspend`, { reason: 'cut' });
  expect(await connection.say(ask(FETCH))).toMatch(/^HTTP\/1\.1 404 /);
});

it('while the store is asked, nothing else of a connection is read; what comes meanwhile is answered after it, in its order', async () => {
  const { told, port, plain } = await federation(40);
  const list = ask('/list');
  const one = await talking(port);
  const other = await talking(plain);
  expect(await one.say(list)).toBe(await other.say(list));
  expect(told).toEqual([['GET', '/list', 200]]);
  for (const target of ['/nowhere', '/fetch', '/list?x=1', '/list?entity_type=none']) {
    const [here, there] = [await talking(port), await talking(plain)];
    expect(await here.say(ask(target)), target).toBe(await there.say(ask(target)));
    expect(await here.say(list), target).toBe(await there.say(list));
  }
  for (const first of ['/list?entity_type=openid_provider', '/nowhere2']) {
    const impatient = await talking(port);
    let got = '';
    impatient.socket.on('data', (chunk: Buffer) => {
      got += chunk.toString();
    });
    impatient.socket.write(ask(first));
    await later(10);
    impatient.socket.write(list);
    await vi.waitFor(() => {
      expect(got.split('HTTP/1.1 '), first).toHaveLength(3);
      expect(got.lastIndexOf(id), first).toBeGreaterThan(got.lastIndexOf('HTTP/1.1 200'));
    }, 20_000);
  }
  // Who is gone by then is nobody's fault.
  const gone = await talking(port);
  gone.socket.write(ask('/list?entity_type=federation_entity'));
  await later(10);
  gone.socket.destroy();
  await later(60);
  expect(await one.say(list)).toMatch(/^HTTP\/1\.1 200 /);
});

it('what nobody keeps is asked of the app once, and then for a while by the server behind alone', async () => {
  const { d } = await federation();
  const context = { published: d.published, inbox: d.inbox, now: () => d.clock, development: false };
  const app = createPublicApp(() => context);
  const asked: string[] = [];
  const answers = plainAnswers(
    () => context,
    'http',
    undefined,
    (request) => {
      asked.push(new URL(request.url).search);
      return app.fetch(request);
    },
  );
  const read = plainHeads();
  const at = async (target: string, since: number) => answers(read(ask(target)) as NonNullable<ReturnType<typeof read>>, '', since);
  for (let n = 0; n < 9; n++) expect(await at(`/list?trust_marked=true&entity_type=t${n}`, n)).toBeUndefined();
  expect(asked).toEqual(['?trust_marked=true&entity_type=t0']);
  // It is asked for again by and by; and of a kind that is kept always, whatever strangers ask beside.
  expect(await at('/list?trust_marked=true&entity_type=x', 2000)).toBeUndefined();
  expect(asked.splice(0)).toHaveLength(2);
  expect(await at('/list?entity_type=openid_relying_party', 10)).toBeDefined();
  expect(await at('/list?entity_type=nothing', 20)).toBeUndefined();
  expect(await at('/list?entity_type=openid_provider', 30)).toBeUndefined();
  expect(asked).toEqual(['?entity_type=openid_relying_party', '?entity_type=nothing', '?entity_type=openid_provider']);
});

/** A front whose answers are all this one. */
async function frontOf(body: string | Uint8Array, limits = {}) {
  const server = createServer((_, response) => response.end('behind'));
  const front = standBefore(server, () => ({ head: `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n`, body, encoding: 'latin1', bytes: body.length }), {
    firstMs: 10_000,
    idleMs: 10_000,
    stalledMs: 10_000,
    ...limits,
  });
  const sockets = new Set<Socket>();
  server.prependListener('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    front.closeAll();
    server.close();
    server.closeAllConnections();
  });
  return { front, server, sockets, port: (server.address() as { port: number }).port };
}

it('who says nothing, or nothing more, is cut; so is who takes nothing of what he asked for, and meanwhile no request of his is read', async () => {
  const silent = await talking((await frontOf('x', { firstMs: 60 })).port);
  expect(await silent.say('')).toBe('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n');
  const idle = await talking((await frontOf('x', { idleMs: 60 })).port);
  expect(await idle.say(ask('/'))).toMatch(/^HTTP\/1\.1 200 /);
  await vi.waitFor(() => expect(idle.isClosed()).toBe(true), SOON);

  // More than lies in the buffers of a connection.
  const long = new Uint8Array(64 * 1024 * 1024);
  const greedy = async (limits: object) => {
    const big = await frontOf(long, limits);
    const client = connect(big.port, '127.0.0.1').on('error', () => undefined);
    onTestFinished(() => void client.destroy());
    client.pause();
    client.write(ask('/'));
    await vi.waitFor(() => expect(big.sockets.size).toBe(1), 20_000);
    return { client, socket: [...big.sockets][0] as Socket };
  };
  const patient = await greedy({ stalledMs: 60_000 });
  await vi.waitFor(() => expect(patient.socket.writableLength).toBeGreaterThan(0), 20_000);
  const waits = patient.socket.writableLength;
  patient.client.write(ask('/'));
  await later(50);
  expect([patient.socket.writableLength, patient.socket.destroyed], 'and no second one').toEqual([waits, false]);
  const { socket } = await greedy({ stalledMs: 100 });
  await vi.waitFor(() => expect(socket.destroyed).toBe(true), SOON);
});

it('at the end connections that wait for nothing are cut, and who still reads gets what he asked for', async () => {
  const { front, server, sockets, port } = await frontOf(new Uint8Array(16 * 1024 * 1024));
  const idle = await talking(port);
  await idle.say(ask('/'));
  const slow = connect(port, '127.0.0.1');
  slow.pause();
  slow.write(ask('/'));
  await vi.waitFor(() => expect([...sockets].map((one) => one.writableLength > 0)).toEqual([false, true]), 20_000);
  server.close();
  front.closeIdle();
  await vi.waitFor(() => expect(idle.isClosed()).toBe(true), SOON);
  let got = 0;
  slow.on('data', (chunk: Buffer) => {
    got += chunk.length;
  });
  slow.resume();
  await vi.waitFor(() => expect(got).toBeGreaterThan(16 * 1024 * 1024), 20_000);
  front.closeIdle();
  await new Promise((done) => slow.once('close', done));
});
