import { beforeAll, describe, expect, it } from 'vitest';
import { finding, type Result } from '../../src/federation/entry.js';
import { createBudget } from '../../src/outbound/evaluation-budget.js';
import type { FetchRequest } from '../../src/outbound/outbound.js';
import { type LocateOptions, withLocation } from '../../src/resolver/ec-location.js';
import { NOW } from '../support/chain.js';
import { Graph, id } from '../support/graph.js';

const PLACE = 'https://cdn.example/leaf';
const WELL_KNOWN = 'well-known';
const MEDIA = 'application/entity-statement+jwt';
const claims = { iss: id('leaf'), sub: id('leaf'), authority_hints: [id('up')], metadata: { oauth_client: {} } };
let g: Graph;
let own: string;
let place: unknown = PLACE;
beforeAll(async () => {
  g = await Graph.of({ up: ['ta'], above: ['ta'] }, { statement: (superior) => (superior === 'up' ? { ec_location: place } : {}) }, ['leaf', 'up']);
  own = await g.sign('leaf', { ...claims, jwks: g.jwks('leaf') });
});

/** What the walk gets for the leaf, and what was asked of places. */
async function located(location: unknown, more: Partial<LocateOptions> = {}, reply: Result<string> = { ok: true, value: own }) {
  place = location;
  g.asked.length = 0;
  const places: FetchRequest[] = [];
  const door = {
    get: async (request: FetchRequest) => {
      places.push(request);
      return reply.ok ? { ok: true as const, value: { url: request.url, body: reply.value } } : reply;
    },
    post: () => Promise.reject(new Error('nothing is posted')),
  };
  const source = {
    ...g.source,
    configuration: async (of: string, anew?: boolean) => (of === id('leaf') ? { ok: true as const, value: WELL_KNOWN } : g.source.configuration(of, anew)),
  };
  const options = { subject: id('leaf'), superiors: [id('up')], now: NOW, development: false, budget: createBudget(() => 0), ...more };
  const over = withLocation(source, door, options);
  const found = await over.configuration(id('leaf'));
  return { found: found.ok ? found.value : found.findings, places, asked: [...g.asked], over };
}

describe('Hosting 1.0, chain construction: the place a superior names', () => {
  it('is read, for the one media type; space around it is nothing', async () => {
    const { found, places } = await located(PLACE, {}, { ok: true, value: ` \n${own}\n` });
    expect(found).toBe(own);
    expect(places).toEqual([{ url: PLACE, mediaType: MEDIA }]);
  });
  it.each([
    ['plain', (jwt: string) => `data:${MEDIA},${jwt}`],
    ['in capitals', (jwt: string) => `DATA:${MEDIA.toUpperCase()},${jwt}`],
    ['with a parameter and space', (jwt: string) => `data: ${MEDIA} ; charset=utf-8,${jwt}`],
  ])('holds it itself, %s: nobody is asked', async (_what, of) => {
    const { found, places } = await located(of(own));
    expect([found, places]).toEqual([own, []]);
  });
  it.each<[string, (jwt: string) => unknown]>([
    ['another media type', (jwt) => `data:text/plain,${jwt}`],
    ['no media type', (jwt) => `data:,${jwt}`],
    ['base64', (jwt) => `data:${MEDIA};base64,${jwt}`],
    ['base64 in capitals, with space', (jwt) => `data:${MEDIA};x=y; BASE64 ,${jwt}`],
    ['nothing in it', () => `data:${MEDIA},`],
    ['a list', () => [PLACE]],
    ['a number', () => 7],
    ['none', () => undefined],
  ])('holds %s: the well-known URL is asked', async (_what, of) => {
    const { found, places } = await located(of(own));
    expect([found, places]).toEqual([WELL_KNOWN, []]);
  });
  it('a data URL is one only from its beginning', async () => {
    const location = `https://cdn.example/data:${MEDIA},${own}`;
    expect((await located(location)).places.map(({ url }) => url)).toEqual([location]);
  });
  it('what lies there is taken only when it is the subject’s, valid, and of a key that the superior states', async () => {
    const of = async (value: Promise<string>) => (await located(PLACE, {}, { ok: true, value: await value })).found;
    expect(await of(g.sign('up', { ...claims, jwks: g.jwks('up') }))).toBe(WELL_KNOWN);
    expect(await of(g.sign('leaf', { ...claims, jwks: g.jwks('leaf'), exp: NOW - 1000 }))).toBe(WELL_KNOWN);
    expect(await of(g.sign('leaf', { iss: id('b'), sub: id('b'), jwks: g.jwks('leaf') }))).toBe(WELL_KNOWN);
    expect((await located(PLACE, {}, { ok: false, findings: [finding('fetch_failed', PLACE, '503', true)] })).found).toBe(WELL_KNOWN);
  });
  it('what this deployment serves is not fetched; where it serves nothing, or cannot, the place is asked', async () => {
    const asked: string[][] = [];
    const serve =
      (answer: Result<string> | undefined): NonNullable<LocateOptions['served']> =>
      async (...of) => {
        asked.push(of);
        return answer;
      };
    const ours = await located(PLACE, { served: serve({ ok: true, value: own }) });
    expect([ours.found, ours.places, asked]).toEqual([own, [], [[id('up'), id('leaf'), PLACE]]]);
    expect((await located(PLACE, { served: serve(undefined) })).places).toHaveLength(1);
    expect((await located(PLACE, { served: serve({ ok: false, findings: [] }) })).places).toHaveLength(1);
  });
  it('superiors are asked in their order until one names a place; nobody is its own superior', async () => {
    expect((await located(PLACE, { superiors: [id('leaf'), id('above'), id('gone'), id('up'), id('more')] })).asked).toEqual([
      'above',
      'above>leaf',
      'gone',
      'up',
      'up>leaf',
    ]);
    expect((await located(PLACE, { superiors: [] })).found).toBe(WELL_KNOWN);
  });
  it('the walk that follows gets what was asked for already, each of its own, unless it wants it anew', async () => {
    const { over, asked } = await located(PLACE);
    expect(asked).toEqual(['up', 'up>leaf']);
    const up = { entityId: id('up'), fetchEndpoint: `${id('up')}/ask` };
    await over.configuration(id('up'));
    await over.statement(up, id('leaf'));
    expect(g.asked).toEqual(['up', 'up>leaf']);
    await over.statement(up, id('b'));
    await over.statement({ ...up, fetchEndpoint: `${id('up')}/elsewhere` }, id('leaf'));
    await over.configuration(id('up'), true);
    await over.configuration(id('up'));
    expect(g.asked).toEqual(['up', 'up>leaf', 'up>b', 'up>leaf', 'up']);
    expect(over.fromCache?.(id('up'))).toBe(false);
  });
});
