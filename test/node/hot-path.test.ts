import { connect } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { listen } from '../../src/platform/server.node.js';
import { createPublicApp } from '../../src/public/app.js';
import { hotPath } from '../../src/public/hot-path.node.js';
import { ANCHOR, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

/** All that comes back on a connection for a request, but for the date. */
async function raw(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.end(request);
  let got = '';
  for await (const chunk of socket) got += String(chunk);
  return got.replace(/\r\nDate: [^\r]+/g, '');
}

const id = 'https://rp.example.com';

/** @param other answers what is not for the public plane */
async function federation(other: (request: Request, d: TestDeployment) => Promise<Response | undefined> = async () => undefined) {
  const d = await testDeployment();
  const { jwks } = await testMember(id);
  await d.admin('POST', '/authorities/main/members', { entity_id: id, jwks, entity_types: ['openid_relying_party'], activate: true });
  const context = { published: d.published, inbox: d.inbox, now: () => d.clock, development: false };
  const app = createPublicApp(() => context);
  const told: unknown[][] = [];
  const hot = hotPath(
    () => context,
    'http',
    (...one) => void told.push(one.slice(0, 3)),
  );
  const listener = async (on: boolean) => {
    const server = await listen(
      { fetch: async (request) => (await other(request, d)) ?? app.fetch(request), ...(on && { hot }) },
      { host: '127.0.0.1', port: 0 },
    );
    onTestFinished(() => server.stop());
    return server.port;
  };
  return { d, id, told, port: await listener(true), plain: await listener(false) };
}

it('on the connection the hot path sends what the app behind it sends: heads, bodies, conditions, all that is unusual', async () => {
  const { d, id, told, port, plain } = await federation();
  const { host } = new URL(ANCHOR);
  const fetchPath = `/fetch?sub=${encodeURIComponent(id)}`;
  const paths = [
    '/.well-known/openid-federation',
    fetchPath,
    `/fetch?sub=${id}`,
    '/list',
    '/list?entity_type=openid_relying_party',
    '/historical-keys',
    '/status-lists/0',
  ];
  for (const path of paths) await raw(plain, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  const etag = /\r\netag: ("[^\r]+")/i.exec(await raw(plain, `GET ${fetchPath} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`))?.[1];
  const requests = [
    ...paths.flatMap((path) => ['GET', 'HEAD'].map((method) => [`${method} ${path} HTTP/1.1`, `Host: ${host}`])),
    [`GET ${fetchPath} HTTP/1.1`, `Host: ${host}`, `If-None-Match: ${etag}`],
    [`HEAD ${fetchPath} HTTP/1.1`, `Host: ${host}`, `If-None-Match: W/${etag}, "x"`],
    [`GET ${fetchPath} HTTP/1.1`, `Host: ${host}`, 'If-None-Match: "other"'],
    [`GET ${fetchPath} HTTP/1.1`, `Host: ${host}`, 'If-None-Match: *'],
    [`GET ${fetchPath} HTTP/1.1`, `Host: ${host}`, 'If-None-Match: "a"', `If-None-Match: ${etag}`],
    [`GET ${fetchPath} HTTP/1.0`, `Host: ${host}`],
    [`GET ${fetchPath} HTTP/1.1`, `Host: ${host}`, 'Accept: text/html'],
    ['GET /status-lists/0 HTTP/1.1', `Host: ${host}`, 'Accept: application/statuslist+jwt'],
    ['GET /status-lists/0 HTTP/1.1', `Host: ${host}`, 'Accept: text/html'],
    ['GET /status-lists/0 HTTP/1.1', `Host: ${host}`, 'Accept: */*', 'Accept: text/html'],
    [`GET ${fetchPath} HTTP/1.1`, `Host: ${host}`, 'Content-Length: 0'],
    [`GET ${fetchPath} HTTP/1.1`, `Host: ${host}`, 'Host: other.example'],
    [`GET ${fetchPath} HTTP/1.1`, `Host: ${host.toUpperCase()}`],
    [`GET ${fetchPath} HTTP/1.1`, 'Host: other.example'],
    [`GET http://${host}${fetchPath} HTTP/1.1`, `Host: ${host}`],
    [`GET //${host}${fetchPath} HTTP/1.1`, `Host: ${host}`],
    [`GET ${fetchPath}#x HTTP/1.1`, `Host: ${host}`],
    [`GET ${fetchPath}&x=1 HTTP/1.1`, `Host: ${host}`],
    [`POST ${fetchPath} HTTP/1.1`, `Host: ${host}`],
    [`OPTIONS ${fetchPath} HTTP/1.1`, `Host: ${host}`],
    [`GET /../fetch?sub=${id} HTTP/1.1`, `Host: ${host}`],
    ['GET //rp.example.com HTTP/1.1', `Host: ${host}/fetch?sub=https:`],
    [`GET ${fetchPath} HTTP/1.1`, `Host: x@${host}`],
  ];
  for (const clock of [0, 86_390, 86_399, 86_400, 90_000]) {
    d.clock += clock - (d.clock - 1_800_000_000);
    for (const lines of requests) {
      const text = `${lines.join('\r\n')}\r\nConnection: close\r\n\r\n`;
      expect(await raw(port, text), `${clock}: ${lines.join(' | ')}`).toBe(await raw(plain, text));
    }
  }
  expect(told.length, 'and most of them did not reach the app').toBeGreaterThan(20);
  expect(told).toContainEqual(['GET', fetchPath, 200]);
  expect(told).toContainEqual(['GET', fetchPath, 304]);
  expect(told.filter(([, path]) => String(path).includes('&x=1'))).toEqual([]);
});

it('the status of a mark: what is asked in a plain form and is kept; everything else is read by the app', async () => {
  const { d, id, told, port, plain } = await federation();
  const { host } = new URL(ANCHOR);
  const type = `${ANCHOR}/marks/x`;
  await d.admin('POST', '/authorities/main/mark-types', { trust_mark_type: type });
  const { json } = await d.admin('POST', '/authorities/main/marks', { trust_mark_type: type, member: id });
  const mark: string = json.trust_mark;
  expect(mark).toMatch(/^ey/);
  const post = (body: string, ...more: string[]) =>
    [`POST /trust-mark-status HTTP/1.1`, `Host: ${host}`, 'Content-Type: application/x-www-form-urlencoded', ...more, 'Connection: close', '', body].join(
      '\r\n',
    );
  const sized = (body: string, ...more: string[]) => post(body, `Content-Length: ${Buffer.byteLength(body)}`, ...more);
  const first = await raw(plain, sized(`trust_mark=${mark}`));
  expect(first).toMatch(/^HTTP\/1\.1 200 /);
  const requests = [
    sized(`trust_mark=${mark}`),
    sized(`trust_mark=${mark}`, 'If-None-Match: *'),
    sized(`trust_mark=${mark.replaceAll('.', '%2E')}`),
    sized(`trust_mark=${mark}&trust_mark=${mark}`),
    sized(`trust_mark=${mark}&x=1`),
    sized(`trust_mark=${mark} `),
    sized(`trust_mark=${mark.slice(0, -2)}xx`),
    sized(`trust_mark=${mark}`, 'Content-Encoding: gzip'),
    sized(`x=${'y'.repeat(9000)}`),
    post(`${(Buffer.byteLength(`trust_mark=${mark}`)).toString(16)}\r\ntrust_mark=${mark}\r\n0\r\n\r\n`, 'Transfer-Encoding: chunked'),
    sized('trust_mark='),
    sized(`trust_mark=${mark}`).replace('/trust-mark-status', '/trust-mark-status?x=1'),
    sized(`trust_mark=${mark}`).replace('/trust-mark-status', '/elsewhere/trust-mark-status'),
  ];
  for (const text of requests) expect(await raw(port, text), text.slice(0, 300)).toBe(await raw(plain, text));
  expect(told).toEqual([
    ['POST', '/trust-mark-status', 200],
    ['POST', '/trust-mark-status', 200],
  ]);
  await d.admin('POST', `/authorities/main/members/${encodeURIComponent(id)}/suspend`, { reason: 'cut' });
  const after = await raw(port, sized(`trust_mark=${mark}`));
  expect(after).not.toBe(first);
  expect(after).toBe(await raw(plain, sized(`trust_mark=${mark}`)));
});

it('the endpoint is closed while a form is on its way: that one is answered, and no other', async () => {
  const { d, id, port, told } = await federation();
  const { host } = new URL(ANCHOR);
  const type = `${ANCHOR}/marks/x`;
  await d.admin('POST', '/authorities/main/mark-types', { trust_mark_type: type });
  const mark: string = (await d.admin('POST', '/authorities/main/marks', { trust_mark_type: type, member: id })).json.trust_mark;
  const body = `trust_mark=${mark}`;
  const head = `POST /trust-mark-status HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n`;
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  // In pieces, so that the app has its head before the rest.
  socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n5\r\n${body.slice(0, 5)}\r\n`);
  await new Promise((done) => setTimeout(done, 50));
  await d.execute(`UPDATE authority SET client_auth = '{"trust_mark_status":"required"}'`);
  socket.write(`${(body.length - 5).toString(16)}\r\n${body.slice(5)}\r\n0\r\n\r\n`);
  let got = '';
  for await (const chunk of socket) got += String(chunk);
  expect(got).toMatch(/^HTTP\/1\.1 (200|401) /);
  for (let n = 0; n < 2; n++) expect(await raw(port, `${head}Content-Length: ${body.length}\r\n\r\n${body}`)).toMatch(/^HTTP\/1\.1 401 /);
  expect(told).toEqual([]);
});

it('a form that comes in pieces, or breaks off', async () => {
  const { port } = await federation();
  const { host } = new URL(ANCHOR);
  const head = `POST /trust-mark-status HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 20\r\n\r\n`;
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  onTestFinished(() => void socket.destroy());
  const answers = socket[Symbol.asyncIterator]() as AsyncIterator<string>;
  socket.write(`${head}trust_mark`);
  await new Promise((done) => setTimeout(done, 20));
  socket.write('=abcdefghi');
  expect((await answers.next()).value).toMatch(/^HTTP\/1\.1 404 /);
  socket.write(`${head}trust_mark=`);
  socket.destroy();
  expect(await raw(port, `GET /list HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`), 'and nobody else notices').toMatch(/^HTTP\/1\.1 200 /);
});

it('of a row that was damaged there is no answer, and the process goes on', async () => {
  const { d, id, port, plain } = await federation();
  await d.execute("UPDATE artefact SET media_type = 'x' || char(10) || 'y' WHERE kind = 'statement'");
  const text = `GET /fetch?sub=${id} HTTP/1.1\r\nHost: ${new URL(ANCHOR).host}\r\nConnection: close\r\n\r\n`;
  for (let n = 0; n < 3; n++) {
    const answer = await raw(port, text);
    expect(answer).toMatch(/^HTTP\/1\.1 500 /);
    expect(answer).toBe(await raw(plain, text));
  }
});

it('several requests on one connection, sent at once, are answered in their order', async () => {
  const { id, port, plain, told } = await federation();
  const { host } = new URL(ANCHOR);
  const one = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;
  const all = one('/list') + one(`/fetch?sub=${id}`) + one('/nowhere') + one('/list') + one('/readyz') + one(`/fetch?sub=${id}`, 'Connection: close\r\n');
  await raw(port, all);
  told.length = 0;
  expect(await raw(port, all)).toBe(await raw(plain, all));
  expect(told).toHaveLength(4);
});

it('what is sent ahead behind a cut is answered as things are after it (RFC 9112 §9.3.2)', async () => {
  const { d, id, port, told } = await federation(async (request, d) => {
    if (request.method !== 'POST') return undefined;
    const { status } = await d.admin('POST', `/authorities/main/members/${encodeURIComponent(id)}/suspend`, { reason: 'cut' });
    return new Response('cut', { status });
  });
  const line = (method: string, more = '') => `${method} /fetch?sub=${id} HTTP/1.1\r\nHost: ${new URL(ANCHOR).host}\r\n${more}\r\n`;
  await raw(port, line('GET', 'Connection: close\r\n'));
  told.length = 0;
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  socket.write(line('GET') + line('POST', 'Content-Length: 0\r\n') + line('GET') + line('HEAD', 'Connection: close\r\n'));
  let answers = '';
  for await (const chunk of socket) answers += String(chunk);
  expect(answers.match(/(?<=^|HTTP\/1\.1 )\d\d\d /g)?.map(Number)).toEqual([200, 200, 404, 404]);
  expect(told).toHaveLength(1);
  expect((await d.public(`/fetch?sub=${id}`)).status).toBe(404);
});

it('of thousands that are sent ahead only so many are kept; whoever goes on sending a few at a time is answered', async () => {
  const { port, plain } = await federation();
  const one = `GET /list HTTP/1.1\r\nHost: ${new URL(ANCHOR).host}\r\n\r\n`;
  for (const at of [port, plain]) {
    const socket = connect(at, '127.0.0.1').setEncoding('utf8');
    let got = '';
    socket.on('data', (text: string) => (got += text));
    const answers = () => got.split('HTTP/1.1 200 ').length - 1;
    for (let n = 1; n <= 8; n++) {
      socket.write(one.repeat(40));
      await vi.waitFor(() => expect(answers()).toBe(40 * n), 60_000);
    }
    const closed = new Promise((done) => socket.on('error', () => undefined).once('close', done));
    socket.write(one.repeat(5000));
    await closed;
    expect(answers()).toBeLessThan(40 * 8 + 5000);
  }
});

it('after a cut the next request on the same connection is refused', async () => {
  const { d, id, port, told } = await federation();
  const { host } = new URL(ANCHOR);
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  onTestFinished(() => void socket.destroy());
  const answers = socket[Symbol.asyncIterator]() as AsyncIterator<string>;
  const ask = async () => {
    socket.write(`GET /fetch?sub=${encodeURIComponent(id)} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    return (await answers.next()).value as string;
  };
  for (let n = 0; n < 3; n++) expect(await ask()).toMatch(/^HTTP\/1\.1 200 /);
  expect(told).toHaveLength(3);
  await d.admin('POST', `/authorities/main/members/${encodeURIComponent(id)}/suspend`, { reason: 'cut' });
  expect(await ask()).toMatch(/^HTTP\/1\.1 404 /);
});
