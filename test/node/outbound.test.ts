import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type LookupFunction } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { isReachable, parseAllowed } from '../../src/outbound/address-guard.js';
import { checkUrl } from '../../src/outbound/check-url.js';
import { hostResolver } from '../../src/outbound/resolve-host.node.js';
import { safeFetch } from '../../src/outbound/safe-fetch.node.js';
import { testKey } from '../support/keys.js';
import { localhostCertificate, tempFolder } from '../support/process.js';

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
    '4000::1',
    '1fff::1',
    '8000::1',
    '::fffe:7f00:1',
    '::2:7f00:1',
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

describe("names are looked up without the system's threads", () => {
  /** A name server on loopback: silent, or with these answers. */
  async function nameServer(answers?: readonly Buffer[], { six = [], codes = [0, 0] }: { six?: readonly Buffer[]; codes?: readonly [number, number] } = {}) {
    const asked: string[] = [];
    const socket = createSocket('udp4', (query, { port: from, address }) => {
      const labels: string[] = [];
      let at = 12;
      for (; query[at]; at += (query[at] ?? 0) + 1) labels.push(query.subarray(at + 1, at + 1 + (query[at] ?? 0)).toString());
      asked.push(labels.join('.'));
      if (!answers) return;
      const question = query.subarray(12, at + 5);
      const ipv4 = question.readUInt16BE(question.length - 4) === 1;
      const records = ipv4 ? answers : six;
      const header = Buffer.from(query.subarray(0, 12));
      header.writeUInt16BE(0x8180 | codes[ipv4 ? 0 : 1], 2);
      header.writeUInt16BE(records.length, 6);
      const answer = (data: Buffer) => Buffer.concat([Buffer.from([0xc0, 0x0c, 0, ipv4 ? 1 : 28, 0, 1, 0, 0, 0, 0, 0, data.length]), data]);
      socket.send(Buffer.concat([header, question, ...records.map(answer)]), from, address);
    });
    await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
    onTestFinished(() => void socket.close());
    return { asked, servers: [`127.0.0.1:${socket.address().port}`] };
  }
  const find = (resolve: LookupFunction, host: string) =>
    new Promise<string>((done) =>
      resolve(host, { all: true }, (error, found) => done(error ? String(error.code) : JSON.stringify((found as object[]).length))),
    );

  const all = (resolve: LookupFunction, host: string) =>
    new Promise<unknown>((done) => resolve(host, { all: true }, (error, found) => done(error ? [error.code, found] : found)));
  const NO_SUCH_NAME = 3;
  const SERVER_FAILS = 2;
  it('addresses of both kinds, each with its family; one kind alone is enough', async () => {
    const [four, six] = [Buffer.from([1, 1, 1, 1]), Buffer.from('26064700000000000000000000001111', 'hex')];
    const both = await nameServer([four], { six: [six] });
    const found = [
      { address: '1.1.1.1', family: 4 },
      { address: '2606:4700::1111', family: 6 },
    ];
    expect(await all(hostResolver(both), 'entity.example')).toEqual(found);
    expect(await all(hostResolver(await nameServer([], { six: [six] })), 'entity.example')).toEqual(found.slice(1));
    expect(await all(hostResolver(await nameServer([four], { codes: [0, SERVER_FAILS] })), 'entity.example')).toEqual(found.slice(0, 1));
  });
  it('of two failures the one that tells more', async () => {
    const failing = async (...codes: [number, number]) => all(hostResolver(await nameServer([], { codes })), 'entity.example');
    expect(await failing(0, 0)).toEqual(['ENODATA', []]);
    expect(await failing(NO_SUCH_NAME, 0)).toEqual(['ENOTFOUND', []]);
    expect(await failing(0, NO_SUCH_NAME)).toEqual(['ENOTFOUND', []]);
    expect(await failing(0, SERVER_FAILS)).toEqual(['ESERVFAIL', []]);
  });
  it('the system is asked where private networks are reachable, and not after silence', async () => {
    // No name server knows an address as a name; the system does, without asking anybody.
    const known = '127.0.0.1';
    const none = await nameServer([], { codes: [NO_SUCH_NAME, NO_SUCH_NAME] });
    expect(await all(hostResolver(none), known)).toEqual(['ENOTFOUND', []]);
    expect(await all(hostResolver({ ...none, allowed: [] }), known)).toEqual(['ENOTFOUND', []]);
    const found = [{ address: known, family: 4 }];
    expect(await all(hostResolver({ ...none, loopback: true }), known)).toEqual(found);
    expect(await all(hostResolver({ ...none, allowed: parseAllowed('10.0.0.0/8') }), known)).toEqual(found);
    const silent = await nameServer();
    expect(await all(hostResolver({ ...silent, loopback: true, timeout: 50 }), known)).toEqual(['ETIMEOUT', []]);
  });
  it('every address a name server gives, up to sixteen', async () => {
    for (const n of [1, 16, 17, 40]) {
      const { servers, asked } = await nameServer(Array.from({ length: n }, (_, k) => Buffer.from([1, 1, 1, k])));
      expect(await find(hostResolver({ servers }), 'entity.example')).toBe(String(Math.min(n, 16)));
      expect(asked).toContain('entity.example');
    }
  });
  it('a zone that keeps silent holds no thread: signing goes on, and the look-up ends by itself', async () => {
    const { servers } = await nameServer();
    const resolve = hostResolver({ servers, timeout: 600 });
    const silent = Promise.all(Array.from({ length: 64 }, (_, n) => find(resolve, `n${n}.silent.example`)));
    const { sign } = await testKey();
    let signed = 0;
    const all = Promise.all(Array.from({ length: 32 }, () => sign(new Uint8Array(8)).then(() => signed++)));
    await Promise.race([all, silent]);
    expect(signed).toBe(32);
    expect(new Set(await silent)).toEqual(new Set(['ETIMEOUT']));
  });
  it("a name server's answer that leads inside is refused like any other", async () => {
    const { servers } = await nameServer([Buffer.from([10, 0, 0, 1])]);
    const outbound = safeFetch({ resolve: hostResolver({ servers }) });
    const result = await outbound.get({ url: 'https://entity.example/', mediaType: TYPE });
    await outbound.close();
    expect(result).toMatchObject({ ok: false, findings: [{ code: 'fetch_refused' }] });
  });
  it('localhost is this machine, without asking anybody', async () => {
    const { servers, asked } = await nameServer();
    const here = [
      { address: '127.0.0.1', family: 4 },
      { address: '::1', family: 6 },
    ];
    for (const name of ['localhost', 'ta.localhost']) expect(await all(hostResolver({ servers }), name)).toEqual(here);
    expect(asked).toEqual([]);
    const other = await nameServer([], { codes: [NO_SUCH_NAME, NO_SUCH_NAME] });
    for (const name of ['localhost.example', 'notlocalhost.']) expect(await find(hostResolver(other), name)).toBe('ENOTFOUND');
    expect(new Set(other.asked).size).toBe(2);
  });
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
  it.each(['text/html', 'application/jwt', `${TYPE}x`, `x${TYPE}`, `text/html; ${TYPE}`, ';', ''])('SE-07: content type %j is refused', async (type) =>
    expect(await get((response) => response.writeHead(200, { 'content-type': type }).end('x'))).toBe('content_type_wrong'),
  );
  // RFC 9110 §8.3.1: type and subtype, in any case, name the media type. Several frameworks add a charset to every text.
  it.each([`${TYPE}; charset=utf-8`, `${TYPE};charset="UTF-8"`, `${TYPE};`, TYPE.toUpperCase(), ` ${TYPE} ; profile=x`])(
    'SE-07: content type %j is read: parameters that nobody defined say nothing',
    async (type) => expect(await get((response) => response.writeHead(200, { 'content-type': type }).end('x'))).toBe('ok 1'),
  );
  it.each(['identity', 'Identity', '', 'identity, IDENTITY'])('content-encoding %j is none', async (encoding) =>
    expect(await get((response) => head(response, { 'content-encoding': encoding }).end('x'))).toBe('ok 1'),
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
  it('reliability 26: headers above 16 KiB are too large, in one line or in many, and asking again will not help', async () => {
    expect(await get((response) => head(response, { 'x-big': 'x'.repeat(20_000) }).end('x'))).toBe('too_large');
    const many = Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`x-${n}`, 'x'.repeat(60)]));
    expect(await get((response) => head(response, many).end('x'))).toBe('too_large');
    expect(await get((response) => head(response, { 'x-big': 'x'.repeat(15_000) }).end('x'))).toBe('ok 1');
  });
  it.each(['SSH-2.0-x\r\n', 'HTTP/2 200\r\n\r\n', 'abc', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc'])(
    'reliability 26: what is no HTTP/1.1 is told so: %j',
    async (said) => {
      const raw = createTcpServer((socket) => socket.once('data', () => socket.end(said)));
      await new Promise<void>((done) => raw.listen(0, '127.0.0.1', done));
      const outbound = safeFetch({ loopback: true });
      const result = await outbound.get({ url: `http://127.0.0.1:${(raw.address() as AddressInfo).port}/`, mediaType: TYPE });
      await outbound.close();
      raw.close();
      expect(result).toMatchObject({ ok: false, findings: [{ code: 'fetch_failed', detail: 'what it answers is no HTTP/1.1' }] });
    },
  );
  it('a connection that is cut', async () =>
    expect(
      await get((response) => {
        head(response, { 'content-length': '1000' }).write('x');
        setTimeout(() => response.destroy(), 20);
      }),
    ).toBe('fetch_failed transient'));
  it('sockets are given back a second after their last use, whatever the peer asks for', async () => {
    answer = (_request, response) => head(response, { connection: 'keep-alive', 'keep-alive': 'timeout=600' }).end('x');
    server.keepAliveTimeout = 60_000;
    const outbound = safeFetch({ loopback: true });
    await Promise.all(Array.from({ length: 4 }, () => outbound.get({ url: base, mediaType: TYPE })));
    const open = () => new Promise<number>((done) => server.getConnections((_error, n) => done(n)));
    expect(await open()).toBeGreaterThan(0);
    await expect.poll(open, { timeout: 60_000, interval: 200 }).toBe(0);
    await outbound.close();
  });
  it('a body above the least rate that never ends is cut off by the deadline', async () => {
    let timer: NodeJS.Timeout | undefined;
    const outbound = safeFetch({ loopback: true });
    answer = (_request, response) => {
      head(response);
      // Many times that rate: also when the timer comes late.
      timer = setInterval(() => response.write('x'.repeat(3000)), 100);
      response.on('close', () => clearInterval(timer));
    };
    const result = await outbound.get({ url: base, mediaType: TYPE });
    await outbound.close();
    expect(!result.ok && result.findings[0]?.detail).toContain('no whole answer within 5 s');
  });
  it('a body below the least rate is cut off before the deadline, and told so', async () => {
    let timer: NodeJS.Timeout | undefined;
    const outbound = safeFetch({ loopback: true });
    answer = (_request, response) => {
      head(response);
      timer = setInterval(() => response.write('x'.repeat(50)), 100);
      response.on('close', () => clearInterval(timer));
    };
    const result = await outbound.get({ url: base, mediaType: TYPE });
    await outbound.close();
    expect(!result.ok && result.findings[0]?.detail).toContain('slower than 1024 bytes a second');
  });
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
    const open = () => new Promise<number>((done) => server.getConnections((_error, n) => done(n)));
    await expect.poll(open, { timeout: 60_000 }).toBe(0);
  });
});

describe('one exchange', () => {
  const door = (options: Parameters<typeof safeFetch>[0] = {}) => {
    const outbound = safeFetch({ loopback: true, ...options });
    onTestFinished(() => outbound.close());
    return outbound;
  };
  const finding = async (result: ReturnType<ReturnType<typeof door>['get']>) => {
    const one = await result;
    return one.ok ? 'ok' : `${one.findings[0]?.code} ${one.findings[0]?.transient} ${one.findings[0]?.detail}`;
  };
  it('asks plainly, and posts a form as one', async () => {
    const seen: unknown[] = [];
    answer = (asked, response) => {
      let body = '';
      asked.on('data', (chunk) => {
        body += chunk;
      });
      asked.on('end', () => {
        const { accept, 'accept-encoding': encoding, 'user-agent': agent, 'content-type': type } = asked.headers;
        seen.push([asked.method, asked.url, accept, encoding, agent, type, body]);
        head(response).end('x');
      });
    };
    await door().get({ url: `${base}/a?b=c`, mediaType: TYPE });
    await door().post({ url: `${base}/d`, mediaType: TYPE, form: new URLSearchParams({ e: 'f g', h: '&' }) });
    const plain = [`${TYPE}, */*;q=0.1`, 'identity', 'holdfast'];
    expect(seen).toEqual([
      ['GET', '/a?b=c', ...plain, undefined, ''],
      ['POST', '/d', ...plain, 'application/x-www-form-urlencoded', 'e=f+g&h=%26'],
    ]);
  });
  it('what its text forbids is never sent', async () => {
    const before = hits;
    expect(await finding(safeFetch().get({ url: base, mediaType: TYPE }))).toMatch(/^fetch_refused false/);
    expect(await finding(door().get({ url: 'nonsense', mediaType: TYPE }))).toMatch(/^fetch_refused false/);
    expect(hits).toBe(before);
  });
  it('the deadline counts from the beginning, in silence and in a body that goes on', async () => {
    const quick = door({ wholeFetchMs: 300 });
    answer = () => undefined;
    expect(await finding(quick.get({ url: base, mediaType: TYPE }))).toMatch(/^fetch_failed true no whole answer within 0.3 s/);
    answer = (_asked, response) => {
      head(response);
      const timer = setInterval(() => response.write('x'.repeat(400)), 20);
      response.on('close', () => clearInterval(timer));
    };
    expect(await finding(quick.get({ url: base, mediaType: TYPE }))).toMatch(/^fetch_failed true no whole answer within 0.3 s/);
    answer = (_asked, response) => void setTimeout(() => head(response).end('x'), 50);
    expect(await finding(door({ wholeFetchMs: 20_000 }).get({ url: base, mediaType: TYPE }))).toBe('ok');
  });
  it.each([
    ['too much', (response: ServerResponse) => head(response).write('x'.repeat(300_000))],
    ['another type', (response: ServerResponse) => response.writeHead(200, { 'content-type': 'text/html' }).write('x')],
  ])('%s: the connection is given up at once, whatever else the peer would send', async (_what, respond) => {
    const outbound = door();
    const closed = new Promise((done) => {
      answer = (_asked, response) => {
        response.on('close', () => done('closed'));
        respond(response);
      };
    });
    expect(await finding(outbound.get({ url: base, mediaType: TYPE }))).not.toBe('ok');
    expect(await closed).toBe('closed');
  });
  it('a name is looked up whole, and what is found is contacted', async () => {
    const asked: object[] = [];
    const looking = (found: object[], error: Error | null = null) =>
      door({
        resolve: ((host: string, how: object, done: (error: Error | null, found: object[]) => void) => {
          asked.push({ host, ...how });
          done(error, found);
        }) as never,
      });
    answer = (_asked, response) => head(response).end('x');
    const url = `http://ta.localhost:${port}`;
    expect(await finding(looking([{ address: '127.0.0.1', family: 4 }]).get({ url, mediaType: TYPE }))).toBe('ok');
    expect(asked[0]).toMatchObject({ host: 'ta.localhost', all: true });
    expect(Object.keys(asked[0] ?? {}), 'what the socket wants of it').toContain('hints');
    const missing = Object.assign(new Error('no'), { code: 'ENOTFOUND' });
    expect(await finding(looking([], missing).get({ url, mediaType: TYPE }))).toMatch(/^fetch_failed true .*ENOTFOUND/);
    expect(await finding(looking([]).get({ url, mediaType: TYPE }))).toMatch(/^fetch_refused false .*nothing/);
  });
  it('a certificate nobody vouches for is a verdict; a failure of another kind may pass', async () => {
    const { cert, key } = await localhostCertificate(tempFolder());
    const secure = createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) }, (_asked, response) => head(response).end('x'));
    await new Promise<void>((done) => secure.listen(0, '127.0.0.1', done));
    onTestFinished(() => void secure.close());
    const url = `https://localhost:${(secure.address() as AddressInfo).port}`;
    expect(await finding(door().get({ url, mediaType: TYPE }))).toMatch(/^fetch_failed false its certificate is not valid \(/);
    expect(await finding(door().get({ url: 'http://127.0.0.1:9', mediaType: TYPE }))).toMatch(/^fetch_failed true the request failed \(ECONNREFUSED\)/);
  });
  it('a door that was closed lets nothing out', async () => {
    const outbound = door();
    await outbound.close();
    const before = hits;
    expect(await finding(outbound.get({ url: base, mediaType: TYPE }))).toMatch(/^fetch_failed true/);
    expect(hits).toBe(before);
  });
});
