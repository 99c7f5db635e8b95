import { createHash } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { passOnTo } from '../../src/platform/cores/pass-on.node.js';
import { type Door, listenPrivately, PASSED_ON } from '../../src/platform/cores/private-listener.node.js';
import { clientAddress } from '../../src/platform/client-address.js';
import { type Answering, listen, type Listening, peerOf } from '../../src/platform/server.node.js';
import { shared, tempFolder } from '../support/process.js';

/** Two listeners as a worker and the process that signs have them, both in this process. */
const all = shared();
const signing: Answering = { fetch: () => new Response('?') };
let door: Door;
let worker: Listening;
beforeAll(async () => {
  const listening = await listenPrivately({ fetch: (asked, env) => signing.fetch(asked, env) }, tempFolder(all.later), { workers: 1, encrypted: false });
  ({ door } = listening);
  const passOn = passOnTo(door);
  const hot: Answering['hot'] = (incoming, outgoing, behind) => {
    passOn(incoming, outgoing, behind);
    return true;
  };
  worker = await listen({ hot, fetch: () => new Response('nobody is there', { status: 503 }) }, { host: '127.0.0.1', port: 0 });
  all.later(() => Promise.all([worker.stop(), listening.stop()]).then(() => undefined));
});
afterAll(() => all.end());

/** All that comes back for what is sent, to the end of the connection. */
async function answerTo(sent: string, at: number | string = worker.port): Promise<string> {
  const socket = typeof at === 'number' ? connect(at, '127.0.0.1') : connect(at);
  socket.write(sent, 'latin1');
  const got: Buffer[] = [];
  try {
    for await (const chunk of socket) got.push(chunk as Buffer);
  } catch {
    // cut
  }
  return Buffer.concat(got).toString('latin1');
}

it('a request arrives as it was sent, from the address it was sent from, whatever it claims itself', async () => {
  signing.fetch = async (asked, env = {}) => {
    const { incoming } = env as { incoming: IncomingMessage };
    const headers = [...asked.headers].filter(([name]) => name !== PASSED_ON);
    const peer = clientAddress(peerOf(env), asked.headers.get('x-forwarded-for'), []);
    return Response.json({ method: incoming.method, url: asked.url, peer, headers, body: await asked.text() }, { headers: { 'x-own': 'ours' } });
  };
  const head =
    'POST /admin/v1/a%2Fb?c=d%20e HTTP/1.1\r\nHost: holdfast.example\r\nX-Twice: 1\r\nX-Twice: 2\r\nX-Forwarded-For: 10.9.9.9\r\nConnection: close, X-Hop\r\nX-Hop: y\r\n';
  const forged = `${PASSED_ON}: ${'x'.repeat(43)} 8.8.8.8\r\nX-Holdfast-Passed-On: y 9.9.9.9\r\n`;
  for (const body of [
    'Content-Length: 5\r\n\r\nhello',
    'Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n',
    'Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello',
  ]) {
    const answer = await answerTo(`${head}${forged}${body}`);
    expect(answer.replace('HTTP/1.1 100 Continue\r\n\r\n', '')).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).toMatch(/\r\nx-own: ours\r\n/);
    const { headers, ...rest } = JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as { headers: [string, string][] };
    expect(rest).toEqual({ method: 'POST', url: 'http://holdfast.example/admin/v1/a%2Fb?c=d%20e', peer: '127.0.0.1', body: 'hello' });
    expect(Object.fromEntries(headers)).toMatchObject({ 'x-twice': '1, 2', 'x-forwarded-for': '10.9.9.9' });
    expect(Object.fromEntries(headers)).not.toHaveProperty('x-hop');
  }
});

it('what is in a body is never taken for another request, whatever its sender says of how long it is (RFC 9112 §11.2)', async () => {
  const seen: string[] = [];
  signing.fetch = async (asked, env = {}) => {
    const { incoming } = env as { incoming: IncomingMessage };
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    seen.push(`${incoming.method} ${incoming.url} ${Buffer.concat(chunks).length}`);
    return new Response(asked.method);
  };
  const inside = 'GET /smuggled HTTP/1.1\r\nHost: x\r\nX: ';
  for (const method of ['GET', 'DELETE', 'OPTIONS', 'POST', 'PUT']) {
    seen.length = 0;
    const head = `${method} /admin/one HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n`;
    const body = `${inside.length.toString(16)}\r\n${inside}\r\n0\r\n\r\n`;
    const next = 'GET /admin/two HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
    expect(await answerTo(`${head}Connection: transfer-encoding, content-length\r\n\r\n${body}${next}`), method).toMatch(
      new RegExp(`^HTTP/1\\.1 200 OK\r\n[^]*\r\n\r\n${method}HTTP/1\\.1 200 OK\r\n[^]*GET$`),
    );
    expect(seen).toEqual([`${method} /admin/one ${inside.length}`, 'GET /admin/two 0']);
  }
});

it('whoever finds the socket and does not know the word is cut off', async () => {
  signing.fetch = () => new Response('secret');
  const asked = (...headers: string[]) => answerTo(`GET / HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`, door.path);
  expect(await asked('Host: x')).toBe('');
  expect(await asked(`${PASSED_ON}: wrong 1.2.3.4`, 'Host: x')).toBe('');
  expect(await asked('Host: x', `${PASSED_ON}: ${door.word} 1.2.3.4`), 'a client cannot put it first: its worker does').toBe('');
  expect(await asked(`${PASSED_ON}: ${door.word} 1.2.3.4`, 'Host: x', 'Connection: close')).toContain('secret');
});

it('what is long goes through in both directions as it comes, and is the same at the other end', async () => {
  const digest = (body: Uint8Array) => createHash('sha256').update(body).digest('hex');
  const long = Buffer.alloc(3_000_000, 'evidence ');
  signing.fetch = async (asked) => new Response(long, { headers: { 'x-got': digest(new Uint8Array(await asked.arrayBuffer())) } });
  const answer = await fetch(`http://127.0.0.1:${worker.port}/upload`, { method: 'POST', body: long });
  expect(answer.headers.get('x-got')).toBe(digest(long));
  expect(digest(new Uint8Array(await answer.arrayBuffer()))).toBe(digest(long));
});

it('an answer that comes before the whole request says that the connection ends, and comes through', async () => {
  signing.fetch = () => new Response('too large', { status: 413 });
  const answer = await answerTo('POST /lines HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nhello');
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(answer).toMatch(/\r\nconnection: close\r\n/i);
  expect(answer).toMatch(/too large$/);
});

it('an answer without a body has none: HEAD, 204, 304', async () => {
  signing.fetch = (asked) => new Response(null, { status: asked.method === 'HEAD' ? 200 : asked.url.endsWith('304') ? 304 : 204, headers: { etag: '"x"' } });
  for (const [line, status] of [
    ['HEAD /', 200],
    ['GET /304', 304],
    ['GET /204', 204],
  ] as const) {
    const answer = await answerTo(`${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} .*\\r\\netag: "x"\\r\\n.*\\r\\n\\r\\n$`, 's'));
    expect(answer).not.toMatch(/transfer-encoding/i);
  }
});

it('a client that goes away takes its question along; one whose answer breaks off learns it', async () => {
  let gone: (() => void) | undefined;
  const left = new Promise<void>((done) => {
    gone = done;
  });
  let asked: (() => void) | undefined;
  const came = new Promise<void>((done) => {
    asked = done;
  });
  signing.fetch = (_request, env) => {
    const { outgoing } = env as unknown as { outgoing: NodeJS.EventEmitter };
    outgoing.once('close', () => gone?.());
    asked?.();
    return new Promise(() => undefined);
  };
  const client = request({ port: worker.port, path: '/slow' }).on('error', () => undefined);
  client.end();
  await came;
  client.destroy();
  await left;

  signing.fetch = (_request, env) => {
    const { incoming } = env as unknown as { incoming: IncomingMessage };
    return new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(Buffer.alloc(1000));
        },
        pull() {
          setTimeout(() => incoming.socket.destroy());
          return new Promise(() => undefined);
        },
      }),
      { headers: { 'content-length': '100000' } },
    );
  };
  await expect(fetch(`http://127.0.0.1:${worker.port}/breaks`).then((answer) => answer.arrayBuffer())).rejects.toThrow();
});

it('of those that come ahead on one connection each is passed on in its turn: who takes no answer has one of them there', async () => {
  const seen: string[] = [];
  let [under, most] = [0, 0];
  signing.fetch = async (asked) => {
    most = Math.max(most, ++under);
    seen.push(`${new URL(asked.url).pathname} ${await asked.text()}`);
    await new Promise((done) => setTimeout(done, 5));
    under--;
    return new Response(asked.method);
  };
  const get = (n: number, more = '') => `GET /admin/${n} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
  const post = (n: number) => `POST /admin/${n} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello`;
  const answer = await answerTo(`${get(0)}${post(1)}${get(2)}${post(3)}${get(4, 'Connection: close\r\n')}`);
  expect([most, answer.match(/(?:GET|POST)(?=HTTP|$)/g)]).toEqual([1, ['GET', 'POST', 'GET', 'POST', 'GET']]);
  expect(seen).toEqual(['/admin/0 ', '/admin/1 hello', '/admin/2 ', '/admin/3 hello', '/admin/4 ']);

  seen.length = 0;
  signing.fetch = (asked) => {
    seen.push(asked.url);
    return new Response(new Uint8Array(32 * 1024 * 1024));
  };
  const greedy = connect(worker.port, '127.0.0.1').pause();
  greedy.write(get(1).repeat(90));
  await expect.poll(() => seen.length, { timeout: 60_000 }).toBeGreaterThan(0);
  await new Promise((done) => setTimeout(done, 100));
  greedy.destroy();
  expect(seen).toHaveLength(1);
});

it('when nobody is there who would answer the worker says so', async () => {
  signing.fetch = (_request, env) => {
    (env as unknown as { incoming: IncomingMessage }).incoming.socket.destroy();
    return new Promise(() => undefined);
  };
  const answer = await fetch(`http://127.0.0.1:${worker.port}/admin/v1/whoami`, { method: 'POST', body: 'x' });
  expect([answer.status, await answer.text()]).toEqual([503, 'nobody is there']);
});
