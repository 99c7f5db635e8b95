import { connect } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { listen } from '../../src/platform/server.node.js';
import { createPublicApp } from '../../src/public/app.js';
import { hotPath } from '../../src/public/hot-path.node.js';
import { ANCHOR, testDeployment, testMember } from '../support/deployment.js';

/** All that comes back on a connection for a request, but for the date. */
async function raw(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.end(request);
  let got = '';
  for await (const chunk of socket) got += String(chunk);
  return got.replace(/\r\nDate: [^\r]+/g, '');
}

async function federation() {
  const d = await testDeployment();
  const id = 'https://rp.example.com';
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
    const server = await listen({ fetch: (request) => app.fetch(request), ...(on && { hot }) }, { host: '127.0.0.1', port: 0 });
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
      await vi.waitFor(() => expect(answers()).toBe(40 * n));
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
  expect(told).toHaveLength(2);
  await d.admin('POST', `/authorities/main/members/${encodeURIComponent(id)}/suspend`, { reason: 'cut' });
  expect(await ask()).toMatch(/^HTTP\/1\.1 404 /);
});
