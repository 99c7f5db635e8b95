import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { type TestKey, testKey } from './keys.js';

/** What a stranger's server can do to whoever asks it for an Entity Configuration. Every behaviour is an entity of its own. */
const TYPE = 'application/entity-statement+jwt';
const WELL_KNOWN = '/.well-known/openid-federation';

export interface MisbehavingLeaf {
  readonly key: TestKey;
  /** The identifier of the entity that behaves like this. */
  id(behaviour: string): string;
  /** Open connections now. */
  connections(): Promise<number>;
  readonly behaviours: readonly string[];
}

type Behave = (response: ServerResponse, id: string) => void | Promise<void>;

/** A server on loopback; timers end with their connections, and everything with the test. */
export async function misbehavingLeaf(anchor: string): Promise<MisbehavingLeaf> {
  const key = await testKey();
  const now = () => Math.floor(Date.now() / 1000);
  let base = '';
  const configuration = (id: string, claims: object = {}) =>
    key.jwt({
      iss: id,
      sub: id,
      iat: now() - 5,
      exp: now() + 3600,
      jwks: { keys: [key.jwk] },
      authority_hints: [anchor],
      metadata: { oauth_client: { client_name: 'x' } },
      ...claims,
    });
  const ok = (response: ServerResponse, more: Record<string, string> = {}) => response.writeHead(200, { 'content-type': TYPE, ...more });
  const drip = (response: ServerResponse, chunk: string | Buffer, every: number) => {
    const timer = setInterval(() => response.write(chunk), every);
    response.on('close', () => clearInterval(timer));
  };
  const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024));
  const behaviours: Record<string, Behave> = {
    good: async (response, id) => void ok(response).end(await configuration(id)),
    'slow-headers': () => undefined,
    'slow-body': (response) => {
      ok(response).flushHeaders();
      drip(response, 'x', 500);
    },
    endless: (response) => {
      ok(response).flushHeaders();
      drip(response, Buffer.alloc(64 * 1024, 'x'), 5);
    },
    bomb: (response) => void ok(response, { 'content-encoding': 'gzip' }).end(bomb),
    'double-bomb': (response) => void ok(response, { 'content-encoding': 'gzip, gzip' }).end(gzipSync(bomb)),
    'stacked-encodings': (response) => void ok(response, { 'content-encoding': Array.from({ length: 50 }, () => 'br').join(', ') }).end(),
    'wrong-type': async (response, id) => void response.writeHead(200, { 'content-type': 'application/jwt' }).end(await configuration(id)),
    html: (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>200</h1>'),
    'length-lie': (response) => {
      ok(response, { 'content-length': '5000' }).write('abc');
      setTimeout(() => response.destroy(), 50);
    },
    redirect: (response) => void response.writeHead(302, { location: `${base}/good${WELL_KNOWN}` }).end(),
    'redirect-inside': (response) => void response.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data' }).end(),
    'big-header': (response) => void ok(response, { 'x-big': 'x'.repeat(100_000) }).end(),
    'not-utf8': (response) => void ok(response).end(Buffer.from([0xff, 0xfe, 0x80])),
    'giant-keys': async (response, id) => {
      const keys = Array.from({ length: 65 }, (_, n) => ({ ...key.jwk, kid: `k${n}` }));
      ok(response).end(await configuration(id, { jwks: { keys: [...keys, key.jwk] } }));
    },
    'private-hint': async (response, id) =>
      void ok(response).end(await configuration(id, { authority_hints: ['https://10.0.0.1', 'https://169.254.169.254'] })),
    loop: async (response, id) => void ok(response).end(await configuration(id, { authority_hints: [id, `${base}/loop-back`] })),
    'loop-back': async (response, id) =>
      void ok(response).end(
        await configuration(id, { authority_hints: [`${base}/loop`], metadata: { federation_entity: { federation_fetch_endpoint: `${base}/fetch` } } }),
      ),
    'wide-fan': async (response, id) =>
      void ok(response).end(await configuration(id, { authority_hints: Array.from({ length: 16 }, (_, n) => `${base}/slow-headers/${n}`) })),
    reset: (response) => void response.destroy(),
    error: (response) => void response.writeHead(500).end(),
    dead: (response) => void response.writeHead(404).end(),
  };
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const [, name = ''] = (request.url ?? '').split('/');
    const behave = behaviours[name];
    response.on('error', () => undefined);
    if (behave) void behave(response, `${base}/${name}`);
    else response.writeHead(404).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    key,
    id: (behaviour) => `${base}/${behaviour}`,
    connections: () => new Promise((resolve, reject) => server.getConnections((error, n) => (error ? reject(error) : resolve(n)))),
    behaviours: Object.keys(behaviours).filter((name) => name !== 'loop-back'),
  };
}
