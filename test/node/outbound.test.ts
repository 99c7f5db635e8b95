import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isReachable, parseAllowed } from '../../src/outbound/address-guard.js';
import { checkUrl } from '../../src/outbound/check-url.js';
import { safeFetch } from '../../src/outbound/safe-fetch.node.js';

const TYPE = 'application/entity-statement+jwt';
let hits = 0;
let answer: RequestListener;
const server = createServer((request, response) => {
  hits++;
  answer(request, response);
});
let base: string;
let port: number;
beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  port = (server.address() as AddressInfo).port;
  base = `http://127.0.0.1:${port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function get(respond: (response: ServerResponse) => void, url = base) {
  answer = (_request, response) => respond(response);
  const outbound = safeFetch({ loopback: true });
  try {
    const result = await outbound.get({ url, mediaType: TYPE });
    return result.ok ? `ok ${result.value.body.length}` : result.findings.map(({ code, transient }) => `${code}${transient ? ' transient' : ''}`).join();
  } finally {
    await outbound.close();
  }
}
const head = (response: ServerResponse, more: Record<string, string> = {}) => response.writeHead(200, { 'content-type': TYPE, ...more });

describe('addresses', () => {
  const special = [
    '0.0.0.0',
    '10.0.0.1',
    '10.255.255.255',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.8',
    '192.0.2.1',
    '192.88.99.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.51.100.7',
    '203.0.113.9',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '168.63.129.16',
  ];
  const special6 = [
    '::',
    '::1',
    '::7f00:1',
    '::ffff:127.0.0.1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    '64:ff9b:1::1',
    '100::1',
    '100:0:0:1::1',
    '2001::1',
    '2001:db8::1',
    '2002:a00:1::1',
    'fc00::1',
    'fd12::1',
    'fe80::1',
    'ff02::1',
  ];
  it.each([...special, ...special6])('%s is never contacted', (address) => expect(isReachable(address)).toBe(false));
  it.each(['1.1.1.1', '8.8.8.8', '93.184.216.34', '2606:4700::1111', '2a00:1450:4001::1'])('%s is', (address) => expect(isReachable(address)).toBe(true));
  it('allowed blocks open what they name, link-local stays shut', () => {
    const allowed = parseAllowed('10.1.0.0/16, fd00::/8');
    expect(['10.1.2.3', '10.2.0.1', 'fd00::1', '169.254.169.254'].map((address) => isReachable(address, { allowed }))).toEqual([true, false, true, false]);
    for (const bad of ['10.1.0.0', 'x', '0.0.0.0/0', '169.254.0.0/16', 'fe80::/64']) expect(() => parseAllowed(bad), bad).toThrow(/HOLDFAST_OUTBOUND_ALLOW/);
  });
});

describe('URLs', () => {
  it.each([
    'http://a.example',
    'ftp://a.example',
    'https://user@a.example',
    'https://127.0.0.1',
    'https://2130706433',
    'https://0x7f.1',
    'https://0177.0.0.1',
    'https://127.1',
    'https://１２７.0.0.1',
    'https://127.0.0.1.',
    'https://[::1]',
    'https://[::ffff:7f00:1]',
    'https://localhost',
    'https://localhost.',
    'https://intranet',
    'https://x.local',
    'https://x.internal',
    'https://x.onion',
    'nonsense',
  ])('%s is refused from its text alone', (url) => expect(checkUrl(url)).toBeTypeOf('string'));
  it('public names pass; loopback http only in development', () => {
    expect(checkUrl('https://a.example:8443/x')).toBeInstanceOf(URL);
    expect(checkUrl('http://127.0.0.1:1', { loopback: true })).toBeInstanceOf(URL);
    expect(checkUrl('http://10.0.0.1', { loopback: true })).toBeTypeOf('string');
    expect(checkUrl('http://a.example', { loopback: true })).toBeTypeOf('string');
  });
});

describe('names that lead inside', () => {
  const resolving = (...addresses: string[]) =>
    safeFetch({
      resolve: ((_host: string, _options: object, done: (error: null, found: object[]) => void) =>
        done(
          null,
          addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
        )) as never,
    });
  it.each([[['127.0.0.1']], [['1.1.1.1', '127.0.0.1']], [['::1', '2606:4700::1']], [['169.254.169.254']], [[]]])(
    'a name that resolves to %j: refused, no connection made',
    async (addresses) => {
      const before = hits;
      const outbound = resolving(...addresses);
      const result = await outbound.get({ url: `https://rebind.example:${port}/`, mediaType: TYPE });
      await outbound.close();
      expect(result).toMatchObject({ ok: false, findings: [{ code: 'fetch_refused', transient: false }] });
      expect(hits).toBe(before);
    },
  );
});

describe('answers', () => {
  it('200 with the media type', async () => expect(await get((response) => head(response).end('x.y.z'))).toBe('ok 5'));
  it.each([301, 302, 307, 308])('a redirect (%i) is a finding, never followed', async (status) => {
    const before = hits;
    expect(await get((response) => response.writeHead(status, { location: 'http://169.254.169.254/' }).end())).toBe('redirect_refused');
    expect(hits).toBe(before + 1);
  });
  it.each([
    [404, 'status_unexpected'],
    [400, 'status_unexpected'],
    [429, 'status_unexpected transient'],
    [500, 'status_unexpected transient'],
    [503, 'status_unexpected transient'],
  ])('%i: %s', async (status, code) => expect(await get((response) => response.writeHead(status, { 'content-type': TYPE }).end('x'))).toBe(code));
  it.each(['text/html', `${TYPE}; charset=utf-8`, 'application/jwt'])('SE-07: content type %s is refused', async (type) =>
    expect(await get((response) => response.writeHead(200, { 'content-type': type }).end('x'))).toBe('content_type_wrong'),
  );
  it('limits: 256 KiB pass, one byte more is cut off, whatever content-length says', async () => {
    const size = (bytes: number) => get((response) => head(response).end('x'.repeat(bytes)));
    expect([await size(262_143), await size(262_144), await size(262_145), await size(5_000_000)]).toEqual([
      'ok 262143',
      'ok 262144',
      'too_large',
      'too_large',
    ]);
  });
  it.each([
    ['gzip', gzipSync('x'.repeat(10_000_000))],
    ['br', brotliCompressSync('x'.repeat(10_000_000))],
    ['gzip, gzip', gzipSync(gzipSync('x'))],
    [Array(50).fill('gzip').join(', '), Buffer.from('x')],
  ])('content-encoding %s is refused unread', async (encoding, body) =>
    expect(await get((response) => head(response, { 'content-encoding': encoding as string }).end(body))).toBe('content_encoding_refused'),
  );
  it('invalid UTF-8 is a finding', async () => expect(await get((response) => head(response).end(Buffer.from([0xff, 0xfe, 0x80])))).toBe('jws_malformed'));
  it('headers above 16 KiB', async () =>
    expect(await get((response) => head(response, { 'x-big': 'x'.repeat(20_000) }).end('x'))).toBe('fetch_failed transient'));
  it('a connection that is cut', async () =>
    expect(
      await get((response) => {
        head(response, { 'content-length': '1000' }).write('x');
        setTimeout(() => response.destroy(), 20);
      }),
    ).toBe('fetch_failed transient'));
  it('nobody listens', async () => expect(await get(() => undefined, 'http://127.0.0.1:9')).toBe('fetch_failed transient'));
  it('silence, and a body that drips: cut off within the deadline, sockets back to zero, the process healthy', async () => {
    const dripping: NodeJS.Timeout[] = [];
    const results = await Promise.all([
      get(() => undefined),
      get((response) => {
        head(response);
        dripping.push(setInterval(() => response.write('x'), 100));
      }),
    ]);
    for (const timer of dripping) clearInterval(timer);
    expect(results).toEqual(['fetch_failed transient', 'fetch_failed transient']);
    await new Promise((done) => setTimeout(done, 100));
    const open = await new Promise<number>((done) => server.getConnections((_error, n) => done(n)));
    expect(open).toBe(0);
  });
});
