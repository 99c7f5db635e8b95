import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/platform/config.js';
import type { ThreadLimits } from '../../src/platform/local/discovery-thread.node.js';
import type * as Serve from '../../src/platform/local/serve.node.js';
import { type TestKey, testKey } from '../support/keys.js';
import { freePort, startProcess, tempFolder } from '../support/process.js';

// A thread runs what was built; so its parent is what was built too.
const { startServer } = (await import(new URL('../../dist/platform/local/serve.node.js', import.meta.url).href)) as typeof Serve;
/**
 * Milliseconds in which a thread that has much to do on a busy machine, and gives way to everybody, has its turn: less than that, and
 * it would be ended for nothing.
 */
const SILENCE = 2500;
const script = (name: string) => new URL(`../support/${name}-thread.mjs`, import.meta.url);

interface World {
  readonly serving: Serve.Serving;
  readonly anchor: string;
  /** The identifier of the entity that does this to whoever reads it; any other name answers. */
  id(name: string): string;
  enrol(...names: string[]): Promise<void>;
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape are looked at
  api(method: string, path: string, body?: unknown): Promise<{ status: number; json: any; headers: Headers }>;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  entity(name: string): Promise<any>;
  memberId(name: string): string;
}

/** Entities that answer, an anchor over them, and its discovery thread. */
async function world(thread: ThreadLimits = {}, discovery: 'on' | 'off' = 'on'): Promise<World> {
  const port = await freePort();
  const anchor = `http://localhost:${port}`;
  const key: TestKey = await testKey();
  const leafs = createServer(async (request, response) => {
    const id = `http://127.0.0.1:${(leafs.address() as AddressInfo).port}${request.url?.split('/.well-known')[0]}`;
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: id, sub: id, iat: now, exp: now + 3600, jwks: { keys: [key.jwk] }, authority_hints: [anchor], metadata: { oauth_client: {} } };
    response.writeHead(200, { 'content-type': 'application/entity-statement+jwt' }).end(await key.jwt(claims));
  });
  await new Promise<void>((done) => leafs.listen(0, '127.0.0.1', done));
  const config = readConfig({ HOLDFAST_PORT: String(port), HOLDFAST_DATA: tempFolder(), HOLDFAST_LOG: 'silent', HOLDFAST_DISCOVERY: discovery });
  const serving = await startServer(config, { thread: { script: script('hostile'), silence: SILENCE, ...thread } });
  let stopped = false;
  const { stop } = serving;
  const once: Serve.Serving = {
    ...serving,
    stop() {
      stopped = true;
      return stop();
    },
  };
  onTestFinished(async () => {
    if (!stopped) await stop();
    leafs.closeAllConnections();
    leafs.close();
  });
  const id = (name: string) => `http://127.0.0.1:${(leafs.address() as AddressInfo).port}/${name}`;
  const api: World['api'] = async (method, path, body) => {
    const response = await fetch(`${anchor}/admin/v1/authorities/main${path}`, {
      method,
      headers: { authorization: `Bearer ${serving.token}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, json: await response.json(), headers: response.headers };
  };
  return {
    serving: once,
    anchor,
    id,
    api,
    memberId: (name) => encodeURIComponent(id(name)),
    async enrol(...names) {
      for (const name of names) {
        const enrolled = await api('POST', '/members', { entity_id: id(name), jwks: { keys: [key.jwk] }, activate: true });
        expect(enrolled.status, JSON.stringify(enrolled.json)).toBe(201);
      }
    },
    entity: async (name) => (await api('GET', `/entities/${encodeURIComponent(id(name))}`)).json,
  };
}

const until = async (holds: () => Promise<boolean> | boolean, seconds = 90) => {
  for (const end = performance.now() + 1000 * seconds; performance.now() < end; await new Promise((done) => setTimeout(done, 50))) if (await holds()) return;
  throw new Error('it did not come to pass');
};
const HONEST = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
const evaluated = async ({ entity }: World, name: string): Promise<[string | undefined, string | undefined]> => {
  const [snapshot] = (await entity(name)).snapshots ?? [];
  return [snapshot?.state, snapshot?.findings[0]?.code];
};

describe('an entity that stops whoever reads it (OpenID Federation 1.0 §18.1)', () => {
  it.each([
    ['spin', 'hangs its thread', {}],
    ['bomb', 'eats its memory', { heap: 48, silence: 20_000 }],
    ['crash', 'makes it throw where nobody catches', {}],
  ])('%s %s: public plane and halt answer meanwhile; it is set aside with a finding; the others are evaluated', async (name, _does, limits) => {
    const w = await world(limits);
    await w.enrol('halted', name, ...HONEST);
    /** How many were asked and answered while the thread hung, before anybody ended it. */
    let meanwhile = 0;
    const whileItHangs = async <T>(work: () => Promise<T>): Promise<T> => {
      const { discovery } = w.serving;
      const before = [discovery.behind(), discovery.counts.restarts];
      const done = await work();
      if (before[0] && discovery.behind() && before[1] === discovery.counts.restarts) meanwhile++;
      return done;
    };
    const about = (one: string) => `${w.anchor}/fetch?sub=${encodeURIComponent(w.id(one))}`;
    let halted = false;
    let behind = false;
    await until(async () => {
      behind ||= w.serving.discovery.behind();
      expect((await whileItHangs(() => fetch(about(name)))).status).toBe(200);
      if (!halted && w.serving.discovery.counts.restarts > 0) {
        halted = true;
        expect((await w.api('POST', `/members/${w.memberId('halted')}/suspend`, { reason: 'test' })).status).toBe(200);
        expect((await fetch(about('halted'))).status).toBe(404);
      }
      return w.serving.discovery.counts.setAside === 1;
    });
    expect(halted).toBe(true);
    if (name === 'spin') expect(behind, 'long jobs are told that it does not come to its turns').toBe(true);
    if (name === 'spin') expect(meanwhile, 'nobody waited for it').toBeGreaterThan(2);
    expect(w.serving.discovery.counts).toMatchObject({ restarts: 2, setAside: 1 });
    expect(await evaluated(w, name)).toEqual(['unreachable', 'evaluation_stopped']);
    await until(async () => (await Promise.all(HONEST.map((one) => evaluated(w, one)))).every(([state]) => state === 'valid'));
    const answer = await fetch(`${w.anchor}/resolve?${new URLSearchParams({ sub: w.id(name), trust_anchor: w.anchor })}`);
    expect(answer.status).toBe(503);
    // It stays so: the thread lives on.
    await new Promise((done) => setTimeout(done, 2500));
    expect(w.serving.discovery.counts.restarts).toBe(2);
  });

  it('a thread that ends in the middle of a write leaves no lock behind', async () => {
    const w = await world({}, 'off');
    await w.enrol('lock');
    expect((await w.api('POST', '/explain', { entity_id: w.id('lock') })).status).toBe(503);
    expect((await w.api('POST', `/members/${w.memberId('lock')}/suspend`, { reason: 'test' })).status).toBe(200);
  });

  it('asked for by name it costs that call a 503 that says so, and the next call works; nothing of it is held against others', async () => {
    const w = await world({}, 'off');
    await w.enrol('spin', 'a', 'b');
    for (const [path, body] of [
      ['/explain', { entity_id: w.id('spin') }],
      ['/preflight', { entity_id: w.id('spin') }],
      [`/entities/${w.memberId('spin')}/evaluate`, undefined],
      ['/members', { entity_id: `${w.id('spin')}/new` }],
    ] as const) {
      const refused = await w.api('POST', path, body);
      expect([refused.status, refused.json.code, refused.headers.get('retry-after')], JSON.stringify(refused.json)).toEqual([
        503,
        'temporarily_unavailable',
        '5',
      ]);
      const next = await w.api('POST', '/explain', { entity_id: w.id('a') });
      expect([next.status, next.json.under?.[0]?.state], JSON.stringify(next.json)).toEqual([200, 'valid']);
    }
    const checked = await w.api('POST', '/preflight', { entity_id: w.id('b') });
    expect([checked.status, checked.json.ok, checked.json.source]).toEqual([200, true, 'fetched']);
    expect((await evaluated(w, 'b'))[0], 'nothing is discovered').toBe(undefined);
    const stored = await w.api('POST', `/entities/${w.memberId('b')}/evaluate`);
    expect([stored.status, stored.json.snapshots[0].state]).toEqual([200, 'valid']);
    const unknown = await w.api('POST', '/preflight', { entity_id: w.id('b'), profile: 'none' });
    expect([unknown.status, unknown.json.code], 'a refusal is a refusal').toEqual([400, 'invalid_request']);
    expect(w.serving.discovery.counts).toEqual({ restarts: 4, setAside: 0 });
  });

  it('what never answers is waited for so long, by so many', async () => {
    const w = await world({ patience: 4000, waiting: 2 }, 'off');
    const asks = await Promise.all(['never/1', 'never/2', 'never/3'].map((name) => w.api('POST', '/explain', { entity_id: w.id(name) })));
    for (const { json } of asks) expect(json).toMatchObject({ status: 503, code: 'temporarily_unavailable' });
    expect(asks.map(({ json }) => /too many|within 4 s/.exec(json.detail)?.[0]).sort()).toEqual(['too many', 'within 4 s', 'within 4 s']);
    // The patience is short, and the machine may be busy.
    await until(async () => (await w.api('POST', '/explain', { entity_id: w.id('a') })).status === 200);
    expect(w.serving.discovery.counts.restarts).toBe(0);
  });
});

describe('the process that answers and cuts', () => {
  it('has no door of its own: nothing a stranger sends can be read there', async () => {
    const { serving } = await world({}, 'off');
    const reply = await serving.deployment.outbound.get({ url: 'https://example.com/', mediaType: 'application/json' });
    expect(reply.ok ? [] : reply.findings).toMatchObject([{ code: 'fetch_refused', detail: expect.stringContaining('discovery thread') }]);
  });

  it('serves on when the thread cannot even start, and starts it again later and later', async () => {
    const w = await world({ script: script('broken') });
    await until(() => w.serving.discovery.counts.restarts >= 3);
    expect((await w.api('POST', '/explain', { entity_id: w.id('a') })).status).toBe(503);
    await w.enrol('a');
    await new Promise((done) => setTimeout(done, 3000));
    expect(w.serving.discovery.counts.restarts).toBeLessThanOrEqual(7);
    expect((await fetch(`${w.anchor}/fetch?sub=${encodeURIComponent(w.id('a'))}`)).status).toBe(200);
  });

  it('stops within its grace though the thread hangs, and without one at once', async () => {
    const w = await world({ silence: 60_000, grace: 300 }, 'off');
    const asked = w.api('POST', '/explain', { entity_id: w.id('spin') }).catch(() => undefined);
    await new Promise((done) => setTimeout(done, 1500));
    const start = performance.now();
    await w.serving.stop();
    expect(performance.now() - start, 'and not after its silence').toBeLessThan(30_000);
    expect((await asked)?.status).toBe(503);
    const server = await startProcess(tempFolder(), { env: { HOLDFAST_DISCOVERY: 'on' } });
    expect(await server.kill('SIGTERM')).toBe(0);
  });
});
