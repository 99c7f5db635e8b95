import { describe, expect, it } from 'vitest';
import { decodeJwt } from 'jose';
import { crawlSlice } from '../../src/operations/resolving/crawl.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { shareOf } from '../../src/operations/resolving/listed-share.js';
import { aboutOf, typesOf } from '../../src/operations/resolving/shown-about.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const A = '/authorities/main';
const wellKnown = (id: string) => `${id}/.well-known/openid-federation`;
const day = 86_400;

/** An intermediate on the pretended network, enrolled with us, listing leaves of its own. */
async function federation(leaves: number) {
  const d = await testDeployment();
  const INTERMEDIATE = 'https://intermediate.example.net';
  const inter = await testMember(INTERMEDIATE);
  const leafKey = await testKey();
  const ids = Array.from({ length: leaves }, (_, n) => `https://leaf${n}.example.net`);
  const endpoints = { federation_fetch_endpoint: `${INTERMEDIATE}/fetch`, federation_list_endpoint: `${INTERMEDIATE}/list` };
  d.network.set(wellKnown(INTERMEDIATE), await inter.configuration({ metadata: { federation_entity: { ...endpoints, organization_name: 'Inter' } } }));
  const times = { iat: NOW - 10, exp: NOW + 3 * day };
  const list = (listed: readonly string[]) => d.network.set(`${INTERMEDIATE}/list`, JSON.stringify(listed));
  for (const id of ids) {
    const leaf = await testMember(id, leafKey);
    d.network.set(
      wellKnown(id),
      await leaf.configuration({ ...times, authority_hints: [INTERMEDIATE], metadata: { openid_provider: { issuer: id, organization_name: `Org of ${id}` } } }),
    );
    d.network.set(`${INTERMEDIATE}/fetch?sub=${encodeURIComponent(id)}`, await inter.key.jwt({ iss: INTERMEDIATE, sub: id, ...times, jwks: leaf.jwks }));
  }
  list(ids);
  const enrolled = await d.admin('POST', `${A}/members`, { entity_id: INTERMEDIATE, jwks: inter.jwks, intermediate: true, activate: true });
  expect(enrolled.status, enrolled.text).toBe(201);
  return { d, ids, list, INTERMEDIATE };
}
const crawl = async (d: TestDeployment) => {
  const started = await d.admin('POST', `${A}/crawls`, {});
  expect(started.status, started.text).toBe(201);
  await discoveryTurn(d.deployment, { more: () => true });
  return (await d.admin('GET', `${A}/jobs/${started.json.id}`)).json;
};
const resolved = async (d: TestDeployment, id: string) => (await d.public(`/resolve?sub=${encodeURIComponent(id)}&trust_anchor=${ANCHOR}`)).status;

describe('crawling a federation downwards', () => {
  it('finds and evaluates everything below, with progress; the result is a collection with filters, paging and search, and a graph', async () => {
    const { d, ids, INTERMEDIATE } = await federation(12);
    const job = await crawl(d);
    expect(job).toMatchObject({ kind: 'crawl', state: 'done', total: 14, done: 14, refused: 0 });
    expect(await Promise.all(ids.map((id) => resolved(d, id)))).toEqual(ids.map(() => 200));
    const entities = async (query = '') => (await d.admin('GET', `${A}/entities${query}`)).json;
    expect((await entities()).items.map(({ entity_id: id }: { entity_id: string }) => id)).toEqual([ANCHOR, INTERMEDIATE, ...ids].sort());
    expect((await entities('?entity_type=openid_provider')).items).toHaveLength(12);
    expect((await entities('?q=org%20of%20https://leaf7')).items).toMatchObject([
      { entity_id: ids[7], about: { organization_name: `Org of ${ids[7]}` }, source: 'crawl' },
    ]);
    expect((await entities('?source=member')).items).toMatchObject([{ entity_id: INTERMEDIATE }]);
    expect((await entities('?state=invalid')).items).toEqual([]);
    expect((await entities(`?state=valid&trust_anchor=${ANCHOR}&entity_type=openid_provider`)).items[0].snapshots).toMatchObject([
      { trust_anchor: ANCHOR, state: 'valid', path: [ids[0], INTERMEDIATE, ANCHOR] },
    ]);
    const first = await entities('?limit=5');
    const second = await entities(`?limit=5&cursor=${encodeURIComponent(first.next_cursor)}`);
    expect([first.items.length, second.items.length, second.items[0].entity_id > first.items[4].entity_id]).toEqual([5, 5, true]);
    const nodes: string[] = [];
    const edges: string[] = [];
    for (let cursor = ''; cursor !== 'null'; ) {
      const { json } = await d.admin('GET', `${A}/graph?limit=4${cursor && `&cursor=${cursor}`}`);
      nodes.push(...json.nodes.map((one: { id: string; depth: number; state: string }) => `${one.depth} ${one.id} ${one.state}`));
      edges.push(...json.edges.map((one: { from: string; to: string }) => `${one.from} ${one.to}`));
      cursor = String(json.next_cursor);
    }
    expect(nodes.sort()).toEqual([`0 ${ANCHOR} valid`, `1 ${INTERMEDIATE} valid`, ...ids.map((id) => `2 ${id} valid`)].sort());
    expect(edges.sort()).toEqual([`${ANCHOR} ${INTERMEDIATE}`, ...ids.map((id) => `${INTERMEDIATE} ${id}`)].sort());
  });
  it('resumes where it was stopped; until the last slice the old result is on show, then the new one, whole', async () => {
    const { d, ids, list } = await federation(6);
    await crawl(d);
    list(ids.slice(0, 3));
    const started = await d.admin('POST', `${A}/crawls`, {});
    expect((await d.admin('POST', `${A}/crawls`, {})).json.id, 'one that runs is given back').toBe(started.json.id);
    const shown = async () => (await d.admin('GET', `${A}/graph`)).json.nodes.length;
    for (let slices = 0; (await crawlSlice(d.deployment, { limit: 2 })) > 0; slices++) {
      expect([await shown(), await resolved(d, ids[5] as string)], `slice ${slices}`).toEqual([8, 200]);
      const { done, total, state } = (await d.admin('GET', `${A}/jobs/${started.json.id}`)).json;
      expect([state, done <= total, done > 0]).toEqual(['running', true, true]);
    }
    expect([await shown(), await resolved(d, ids[5] as string), await resolved(d, ids[2] as string)]).toEqual([5, 404, 200]);
    expect(await d.rows(`SELECT entity_id FROM known_entity WHERE entity_id = '${ids[5]}'`)).toEqual([]);
  });
  it('a superior that is not trusted is not asked for its list; what lists itself or rubbish ends; unreachable ones are counted', async () => {
    const { d, list, ids, INTERMEDIATE } = await federation(3);
    const EVIL = 'https://evil.example.net';
    const evil = await testMember(EVIL);
    const endpoints = { federation_fetch_endpoint: `${EVIL}/fetch`, federation_list_endpoint: `${EVIL}/list` };
    d.network.set(wellKnown(EVIL), await evil.configuration({ authority_hints: [INTERMEDIATE], metadata: { federation_entity: endpoints } }));
    d.network.set(`${EVIL}/list`, JSON.stringify(['https://victim.example']));
    list([EVIL, INTERMEDIATE, ANCHOR, 'rubbish', 'http://x', ...ids, 'https://gone.example.net'] as string[]);
    const job = await crawl(d);
    expect(job).toMatchObject({ state: 'done', total: 7, refused: 1 });
    expect(d.asked.some((url) => url.includes('victim') || url === `${EVIL}/list`)).toBe(false);
    expect(await resolved(d, EVIL)).toBe(503);
    d.network.set(`${INTERMEDIATE}/list`, 'no json');
    expect(await crawl(d)).toMatchObject({ state: 'done', total: 2 });
  });
  it('§18.1: a superior below the anchor that lists more than its share: the rest is not taken, and the job names it', async () => {
    const { d, list, INTERMEDIATE } = await federation(0);
    list(Array.from({ length: 20_001 }, (_, n) => `https://n${n}.example.net`));
    const started = await d.admin('POST', `${A}/crawls`, {});
    for (let n = 0; n < 2; n++) await crawlSlice(d.deployment, { limit: 1 });
    expect((await d.rows(`SELECT count(*) AS n FROM crawl_entity WHERE superior = '${INTERMEDIATE}'`))[0]).toEqual({ n: 20_000 });
    const { params } = (await d.admin('GET', `${A}/jobs/${started.json.id}`)).json;
    expect(params.findings).toMatchObject([{ code: 'too_many', where: INTERMEDIATE, detail: expect.stringContaining('20001') }]);
    expect(params.trust_anchor).toBe(ANCHOR);
  });
  it('the share of one superior: entities and bytes at n - 1, n, n + 1', () => {
    const ids = ['https://a.example', 'https://b.example', 'https://c.example'];
    const size = (ids[0] as string).length;
    const taken = (limits: object) => shareOf('https://s.example', ids, limits).taken.length;
    expect([2, 3, 4].map((entities) => taken({ entities }))).toEqual([2, 3, 3]);
    expect([-1, 0, 1].map((more) => taken({ bytes: 3 * size + more }))).toEqual([2, 3, 3]);
    expect(shareOf('https://s.example', ids).finding).toBeUndefined();
  });
  it('what is kept of one entity to be shown is bounded in bytes, whatever it declares', () => {
    const long = '\u{1f600}'.repeat(250);
    const names = ['organization_name', 'display_name', 'client_name', 'resource_name', 'description'];
    const about = aboutOf({ openid_provider: Object.fromEntries(names.map((name) => [name, long])) });
    expect(new TextEncoder().encode(Object.values(about).join('')).length).toBe(2000);
    expect(aboutOf({ a: { client_name: 'x'.repeat(501) }, b: { client_name: 'y' } })).toEqual({ client_name: 'x'.repeat(500) });
    expect(typesOf({ ['t'.repeat(2047)]: {}, uu: {}, v: {} })).toEqual(['t'.repeat(2047), 'v']);
    expect(typesOf(Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`t${n}`, {}])))).toHaveLength(100);
  });
  it('an entity that cannot be stored does not stall the crawl', async () => {
    const { d, ids } = await federation(4);
    await d.execute(`CREATE TRIGGER broken BEFORE INSERT ON snapshot WHEN NEW.subject = '${ids[1]}' BEGIN SELECT RAISE(ABORT, 'sabotage'); END`);
    const started = await d.admin('POST', `${A}/crawls`, {});
    for (let n = 0; n < 6; n++) await crawlSlice(d.deployment).catch(() => 1);
    expect((await d.admin('GET', `${A}/jobs/${started.json.id}`)).json).toMatchObject({ state: 'done', total: 6, done: 6, refused: 1 });
    expect([await resolved(d, ids[0] as string), await resolved(d, ids[1] as string)]).toEqual([200, 404]);
  });
  it('members of authorities of this deployment are read from the store', async () => {
    const d = await testDeployment();
    await d.admin('POST', '/authorities', { slug: 'below', entity_id: 'https://below.example.org', authority_hints: [ANCHOR] });
    const jwks = decodeJwt((await d.public('https://below.example.org/.well-known/openid-federation')).text)['jwks'];
    await d.admin('POST', `${A}/members`, { entity_id: 'https://below.example.org', jwks, intermediate: true, activate: true });
    const leaf = await testMember('https://leaf.example.com');
    d.network.set(wellKnown(leaf.id), await leaf.configuration({ authority_hints: ['https://below.example.org'] }));
    await d.admin('POST', '/authorities/below/members', { entity_id: leaf.id, jwks: leaf.jwks, activate: true });
    await crawl(d);
    expect(await resolved(d, leaf.id)).toBe(200);
    expect([...new Set(d.asked)]).toEqual([wellKnown(leaf.id)]);
  });
});
