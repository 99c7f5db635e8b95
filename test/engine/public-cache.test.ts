import { describe, expect, it } from 'vitest';
import { createPublicApp } from '../../src/public/app.js';
import { createCache, createPublished, type Published, type Select } from '../../src/store/published.js';
import { bytesOf, NO_CACHE } from '../../src/store/published-cache.js';

const always = () => true;

describe('a cache bounded in bytes', () => {
  it('never holds more than its bound, whatever it is filled with, and lets the oldest go', () => {
    const cache = createCache(100_000, always);
    let most = 0;
    for (let n = 0; n < 5000; n++) {
      cache.set(`key ${n}`, { n }, (n * 37) % 3000);
      most = Math.max(most, cache.size().bytes);
    }
    expect(most).toBeLessThanOrEqual(100_000);
    expect(most, 'and is used').toBeGreaterThan(50_000);
    expect(cache.get('key 0')).toBeUndefined();
    expect(cache.get('key 4999')).toEqual({ n: 4999 });
    expect(cache.size().entries).toBeLessThan(300);
  });
  it('charges the key, in two bytes a character where it needs them, and the entry itself', () => {
    const size = (key: string, bytes = 0) => {
      const cache = createCache(1_000_000, always);
      cache.set(key, 1, bytes);
      return cache.size().bytes;
    };
    expect(size('x'.repeat(10_000)) - size('x')).toBe(9999);
    expect(size('ж'.repeat(10_000)) - size('ж')).toBe(19_998);
    expect(size('x', 500) - size('x')).toBe(500);
    expect(size('')).toBeGreaterThan(200);
    expect(bytesOf('aäÿ')).toBe(bytesOf('aaa'));
    const cache = createCache(100_000, always);
    for (let n = 0; n < 10_000; n++) cache.set(`${n}`, '', 0);
    expect(cache.size().entries, 'empty answers are not free').toBeLessThan(400);
  });
  it('what replaces another gives its bytes back', () => {
    const cache = createCache(100_000, always);
    cache.set('old', 'old', 1000);
    const once = cache.size().bytes;
    for (let n = 0; n < 1000; n++) cache.set('same', n, 20_000);
    expect([cache.get('old'), cache.get('same')]).toEqual(['old', 999]);
    expect(cache.size()).toMatchObject({ entries: 2, bytes: once + once + 19_000 + 1 });
    cache.set('same', 'huge', 50_000);
    expect([cache.get('same'), cache.size().bytes], 'also by what is too large to be kept').toEqual([undefined, once]);
  });
  it('a quarter of the bound is the most that one entry may cost: n-1, n, n+1', () => {
    const cache = createCache(40_000, always);
    cache.set('k', 1, 0);
    const own = cache.size().bytes;
    for (const [more, kept] of [
      [-1, true],
      [0, true],
      [1, false],
    ] as const) {
      cache.set('k', 1, 10_000 - own + more);
      expect(cache.get('k') !== undefined, `${more}`).toBe(kept);
    }
  });
  it('while there is room lets everybody in; once it is full, whoever is asked for again soon, so that a walk through all there is moves nobody', () => {
    const cache = createCache(100_000, always);
    const asked = (key: string): void => {
      if (cache.get(key) === undefined && cache.admits(key)) cache.set(key, {}, 1000);
    };
    asked('https://first.example');
    expect(cache.get('https://first.example')).toBeDefined();
    for (let n = 0; n < 10_000; n++) asked(`https://m${n}.example`);
    expect(cache.get('https://first.example'), 'nobody had to go').toBeDefined();
    for (let n = 0; n < 100; n++) asked('https://again.example');
    expect(cache.get('https://again.example')).toBeDefined();
    expect(cache.size().bytes).toBeLessThanOrEqual(100_000);
    let [chance, letIn] = [1, 0];
    for (let n = 0; n < 20_000; n++) {
      chance = (chance * 48_271) % 2_147_483_647;
      const key = `https://c${chance % 20_000}.example`;
      if (cache.get(key) === undefined && cache.admits(key)) letIn++;
      if (n % 1000 === 0) asked('https://now-and-then.example');
    }
    expect(letIn, 'of many that are asked for by chance').toBeLessThan(3000);
    expect(cache.get('https://now-and-then.example'), 'once a thousand is often enough').toBeDefined();
    expect(NO_CACHE.admits('https://first.example')).toBe(false);
  });
  it('of one share only so many are kept, and they crowd nobody else out', () => {
    const cache = createCache(1_000_000, always);
    cache.set('real', 1, 10, { of: 'other', atMost: 1 });
    for (let n = 0; n < 100; n++) {
      cache.set(`f${n}`, n, 10, { of: 'filters', atMost: 5 });
      expect(cache.size().entries).toBeLessThanOrEqual(6);
    }
    expect([cache.get('real'), cache.get('f94'), cache.get('f95'), cache.get('f99')]).toEqual([1, undefined, 95, 99]);
    cache.set('f97', 'again', 10, { of: 'filters', atMost: 5 });
    expect([cache.get('f95'), cache.get('f97'), cache.size().entries]).toEqual([95, 'again', 6]);
  });
  it('a spelling lives and dies with what it leads to, is charged to it, and of one value there are few', () => {
    const cache = createCache(100_000, always);
    const held = { is: 'held' };
    cache.spell('https://x/', held, 'answer', 10);
    expect(cache.spelled('https://x/'), 'nothing holds it yet').toBeUndefined();
    cache.set('held', held, 1000);
    const before = cache.size().bytes;
    for (let n = 0; n < 1000; n++) cache.spell(`https://x/${n}`, held, `answer ${n}`, 500);
    expect(cache.spelled('https://x/0')).toBe('answer 0');
    expect(cache.size().spellings).toBe(12);
    expect(cache.size().bytes - before).toBeGreaterThan(12 * 650);
    for (let n = 0; n < 100; n++) cache.set(`other ${n}`, n, 10_000);
    expect([cache.get('held'), cache.spelled('https://x/0'), cache.size().spellings]).toEqual([undefined, undefined, 0]);
    expect(cache.size().bytes).toBeLessThanOrEqual(100_000);
  });
  it('everything goes when something was committed', () => {
    let fresh = true;
    const cache = createCache(100_000, () => fresh);
    const held = {};
    cache.set('held', held, 1000, { of: 'share', atMost: 2 });
    cache.spell('https://x/', held, 'answer', 10);
    const era = cache.begin();
    fresh = false;
    expect(cache.begin()).not.toBe(era);
    expect([cache.get('held'), cache.spelled('https://x/'), cache.size()]).toEqual([undefined, undefined, { entries: 0, spellings: 0, bytes: 0 }]);
    cache.spell('https://x/', held, 'old answer', 10);
    expect(cache.spelled('https://x/'), 'what was read before is held by nothing').toBeUndefined();
  });
});

/** A store with `members` statements, resolvable, in lists of two types; it counts what it is asked. */
function plane(cacheBytes = 8 * 1024 * 1024) {
  const now = () => 1_800_000_000;
  let reads = 0;
  const TA = 'https://ta.example.org';
  const select: Select = (sql, params) => {
    reads++;
    const row = {
      bytes: 'e'.repeat(2000),
      media_type: 'x/y',
      sha256: String(params[2]).replace(/\W/g, '').slice(-40),
      exp: now() + 3600,
      cap: null,
      disarmed: 0,
    };
    const known = params.some((one) => /^https:\/\/m\d+\.example/.test(String(one)));
    if (/^SELECT [^(]*(EXISTS \([^)]*\) AS withheld )?FROM authority /.test(sql)) return [{ id: 'a', entity_id: TA, client_auth: '{}', state: 'active' }];
    if (sql.includes('FROM anchor_pin')) return [{ entity_id: 'https://other.example' }];
    if (sql.includes('FROM snapshot AS s JOIN')) return known ? [{ state: 'valid', error: null, entity_types: '["openid_provider","oauth_client"]' }] : [];
    if (sql.includes("kind = 'resolve'")) return known ? [row] : [];
    if (sql.includes('FROM member')) {
      const types = sql.includes('json_each') ? String(params[0]) : '"openid_provider"';
      return [{ looked: 1, last: M1, json: types.includes('"openid_provider"') || types.includes('"oauth_client"') ? `"${M1}"` : null, until: null }];
    }
    if (sql.includes("kind = 'mark'")) return [];
    const [, kind, key] = params.map(String);
    return kind === 'entity_configuration' || kind === 'historical_keys' || /^(\S+\n)?https:\/\/m\d+\.example$/.test(key ?? '') ? [row] : [];
  };
  const published: Published = createPublished(select, createCache(cacheBytes, always));
  const app = createPublicApp(() => ({ published, inbox: undefined, now, development: false }));
  return {
    published,
    reads: () => reads,
    get: async (path: string, host = TA) => {
      const response = await app.request(`${host}${path}`);
      return { status: response.status, text: await response.text() };
    },
  };
}
const e = encodeURIComponent;
const M1 = 'https://m1.example';
const REAL = [
  '/.well-known/openid-federation',
  '/historical-keys',
  '/list',
  '/list?entity_type=openid_provider',
  `/fetch?sub=${e(M1)}`,
  `/fetch?sub=${M1}`,
  `/trust-mark?trust_mark_type=${e('https://type.example')}&sub=${e(M1)}`,
  `/resolve?sub=${e(M1)}&trust_anchor=${e('https://ta.example.org')}`,
  `/resolve?sub=${e(M1)}&trust_anchor=${e('https://ta.example.org')}&entity_type=oauth_client`,
];

describe('what the public plane keeps', () => {
  it.each([
    ['junk beside the configuration', (n: number) => `/.well-known/openid-federation?junk=${n}`],
    ['junk beside the historical keys', (n: number) => `/historical-keys?${n}`],
    ['junk beside fetch', (n: number) => `/fetch?sub=${e(M1)}&junk=${n}`],
    ['junk before fetch', (n: number) => `/fetch?${n}&sub=${e(M1)}`],
    [
      'fetch in other escapes',
      (n: number) => `/fetch?sub=${[...M1].map((one, at) => ((n >> (at % 14)) & 1 ? `%${one.charCodeAt(0).toString(16)}` : one)).join('')}`,
    ],
    ['unknown subjects', (n: number) => `/fetch?sub=${e(`https://nobody${n}.example`)}`],
    ['junk beside resolve', (n: number) => `/resolve?sub=${e(M1)}&trust_anchor=${e('https://ta.example.org')}&junk=${n}`],
    ['anchors nobody knows', (n: number) => `/resolve?sub=${e(M1)}&trust_anchor=https://n${n}.example&trust_anchor=https://ta.example.org`],
    ['types nobody has, to resolve', (n: number) => `/resolve?sub=${e(M1)}&trust_anchor=https://ta.example.org&entity_type=oauth_client&entity_type=t${n}`],
    ['types nobody has, to list', (n: number) => `/list?entity_type=${n}${'y'.repeat(2000)}`],
    ['a real type and another', (n: number) => `/list?entity_type=openid_provider&entity_type=${n}${'y'.repeat(2000)}`],
    ['junk beside list', (n: number) => `/list?junk=${n}`],
    ['junk beside mark', (n: number) => `/trust-mark?trust_mark_type=${e('https://type.example')}&sub=${e(M1)}&x=${n}`],
    ['types of mark', (n: number) => `/trust-mark-list?trust_mark_type=${e(`https://t${n}.example`)}`],
    ['other paths', (n: number) => `/${n}/fetch?sub=${e(M1)}`],
  ])('is bounded, and what is real stays, under ever new %s', async (_title, ask) => {
    const p = plane();
    for (const path of REAL) expect((await p.get(path)).status, path).toBe(200);
    const before = p.published.kept();
    for (let n = 0; n < 1500; n++) await p.get(ask(n));
    const after = p.published.kept();
    expect(after.entries, 'entries').toBeLessThanOrEqual(before.entries + 20);
    expect(after.spellings, 'spellings').toBeLessThanOrEqual(before.spellings + 1);
    expect(after.bytes, 'bytes').toBeLessThan(before.bytes + 100_000);
    const reads = p.reads();
    for (const path of REAL) expect((await p.get(path)).status, path).toBe(200);
    expect(p.reads(), 'all of them from memory').toBe(reads);
  });
  it('is bounded when there is more that exists than fits', async () => {
    const p = plane(200_000);
    let most = 0;
    for (let n = 0; n < 3000; n++) {
      expect((await p.get(`/fetch?sub=${e(`https://m${n}.example`)}`)).status).toBe(200);
      expect((await p.get(`/resolve?sub=${e(`https://m${n}.example`)}&trust_anchor=${e('https://ta.example.org')}`)).status).toBe(200);
      most = Math.max(most, p.published.kept().bytes);
    }
    expect(most).toBeLessThanOrEqual(200_000);
    expect(p.published.kept().entries).toBeLessThan(200);
  });
  it('one object for one artefact: another spelling of the same question reads nothing', async () => {
    const p = plane();
    await p.get(REAL[7] as string);
    const [reads, { entries, bytes }] = [p.reads(), p.published.kept()];
    for (const path of [
      `/resolve?trust_anchor=${e('https://ta.example.org')}&sub=${e(M1)}`,
      `/resolve?sub=${M1}&trust_anchor=https://ta.example.org&entity_type=oauth_client&entity_type=openid_provider`,
      `/resolve?a=b&sub=${M1}&trust_anchor=https://nobody.example&trust_anchor=https://ta.example.org`,
    ])
      expect((await p.get(path)).status, path).toBe(200);
    await p.get(REAL[7] as string, 'https://TA.example.org:443');
    await p.get(REAL[7] as string, 'http://ta.example.org.:443');
    expect([p.reads(), p.published.kept()]).toMatchObject([reads, { entries, bytes }]);
  });
});
