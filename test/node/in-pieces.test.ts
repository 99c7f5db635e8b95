import type { ServerResponse } from 'node:http';
import { connect as connectPlainly } from 'node:net';
import { connect } from 'node:tls';
import type { Context } from 'hono';
import { expect, it, onTestFinished, vi } from 'vitest';
import { madeOnce } from '../../src/edge/made-once.js';
import { listen } from '../../src/platform/server.node.js';
import { hotPath } from '../../src/public/hot-path.node.js';
import { KeptAnswer } from '../../src/public/kept-answer.js';
import type { Published } from '../../src/store/published.js';
import { localhostCertificate, tempFolder } from '../support/process.js';

const LENGTH = 6 * 1024 * 1024;
const body = Uint8Array.from({ length: LENGTH }, (_, n) => 97 + (n % 26));
const text = Buffer.from(body).toString();

/** A long list, by TLS: of the hot path at `/list`, of the app elsewhere, as a text at `/text`. */
async function listening() {
  const kept = new KeptAnswer(body, 'application/json', '"x"', 1e12, 5);
  const published = { begin: () => 0, spelled: (url: string) => (url.endsWith('/list') ? kept : undefined) } as unknown as Published;
  const hot = hotPath(() => ({ published, now: () => 5, development: false }), 'https', undefined);
  const sent: ServerResponse[] = [];
  const server = await listen(
    {
      fetch: ({ url }) => new Response(url.endsWith('/text') ? text : body, { headers: { 'content-type': 'application/json' } }),
      hot: (one, other, behind) => sent.push(other) > 0 && hot(one, other, behind),
    },
    { host: '127.0.0.1', port: 0, tls: await localhostCertificate(tempFolder()) },
  );
  onTestFinished(() => server.stop());
  const open = (request: string) => {
    const socket = connect({ host: '127.0.0.1', port: server.port, rejectUnauthorized: false });
    onTestFinished(() => void socket.destroy());
    socket.write(request);
    return socket;
  };
  return { open, sent };
}
const asks = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`;

it.each(['/list', '/other', '/text'])('%s: whoever does not read it holds no more of it in memory than is on its way', async (path) => {
  const { open, sent } = await listening();
  open(asks(path)).pause();
  await vi.waitFor(() => expect(sent[0]?.writableLength).toBeGreaterThan(0), 60_000);
  expect(sent[0]?.writableLength).toBeLessThan(512 * 1024);
});

it('all of it arrives, one after the other, at whoever reads', async () => {
  const { open } = await listening();
  const chunks: Buffer[] = [];
  for await (const chunk of open(asks('/list') + asks('/other') + asks('/text') + asks('/list', 'Connection: close\r\n'))) chunks.push(chunk as Buffer);
  let rest = Buffer.concat(chunks);
  for (let n = 0; n < 4; n++) {
    const head = rest.subarray(0, rest.indexOf('\r\n\r\n') + 4);
    expect(head.toString()).toMatch(new RegExp(`^HTTP/1.1 200 [^]*content-length: ${LENGTH}`, 'i'));
    rest = rest.subarray(head.length);
    expect(Buffer.compare(rest.subarray(0, LENGTH), body)).toBe(0);
    rest = rest.subarray(LENGTH);
  }
  expect(rest.length).toBe(0);
});

it('a document that is made once is one body for all who take it slowly, and bytes', async () => {
  const bodies: unknown[] = [];
  const c = {
    req: { raw: new Request('http://localhost/') },
    body: (given: unknown) => {
      bodies.push(given);
      return new Response();
    },
  } as unknown as Context;
  let made = 0;
  const serve = madeOnce('text/plain', () => `${++made} ä`);
  for (let n = 0; n < 2; n++) await serve(c);
  expect(bodies).toEqual([new TextEncoder().encode('1 ä'), new TextEncoder().encode('1 ä')]);
  expect(bodies[0]).toBe(bodies[1]);
});

it('what is sent ahead is begun in its turn: whoever reads nothing has one answer made, and whoever reads has all of them', async () => {
  const asked: string[] = [];
  const server = await listen(
    {
      fetch: async (request) => {
        asked.push(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`);
        return new Response(body);
      },
    },
    { host: '127.0.0.1', port: 0 },
  );
  onTestFinished(() => server.stop());
  const open = () => {
    const socket = connectPlainly(server.port, '127.0.0.1').on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    return socket;
  };
  const silent = open().pause();
  silent.write(Array.from({ length: 50 }, (_, n) => asks(`/${n}`)).join(''));
  await vi.waitFor(() => expect(asked).toEqual(['GET /0 ']), 60_000);
  const reading = open();
  let got = 0;
  reading.on('data', (chunk: Buffer) => (got += chunk.length));
  reading.write(`${asks('/a')}POST /b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc${asks('/c')}`);
  await vi.waitFor(() => expect(got).toBeGreaterThan(3 * LENGTH), 60_000);
  expect(asked, 'none of the others').toEqual(['GET /0 ', 'GET /a ', 'POST /b abc', 'GET /c ']);
});
