import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { serveCollection } from '../../src/public/collection.js';
import { serveExtendedList } from '../../src/public/extended-list.js';
import { serveIdentifiers } from '../../src/public/identifiers.js';
import { cutPage, PAGE_BYTES } from '../../src/public/pieces.js';
import { LIST_PAGE, type Page, type Published } from '../../src/store/published.js';

const MEMBERS = 3000;
const ids = (length: (n: number) => number) =>
  Array.from({ length: MEMBERS }, (_, n) => `https://m${String(n).padStart(5, '0')}.example/`.padEnd(length(n), 'x'));
const LONG = ids(() => 2000);
const authority = { id: 'a', entityId: 'https://ta.example', clientAuth: {}, withheld: false };
/** An answer that is a page of many, with what stands around its entries. */
const ANSWER = 256 * 1024 + 5000;

/** A list as the store gives it. @param passes whom the filter lets through */
function listing(all: readonly string[], passes: (n: number) => boolean = () => true) {
  let looked = 0;
  const page = (after: string, limit: number): Page => {
    const from = after === '' ? 0 : all.indexOf(after) + 1;
    const some = all.slice(from, from + limit);
    looked += some.length;
    const json = some.filter((_, n) => passes(from + n)).map((id) => JSON.stringify(id));
    return { json: json.join(','), next: some.length < limit ? undefined : some.at(-1), until: null };
  };
  const published = { begin: () => 1, stamp: () => undefined, remembered: () => undefined } as unknown as Published;
  const app = new Hono().get('/', (c) => serveIdentifiers(c, published, { page, now: () => 1, authenticated: false }));
  return { ask: async () => app.request('/'), looked: () => looked };
}

describe('of a list whoever takes nothing holds a few pieces, however long its identifiers are', () => {
  it.each([
    ['long ones', LONG, 3],
    ['short ones before long ones', ids((n) => (n < 2000 ? 30 : 2000)), 3],
    ['long ones before short ones', ids((n) => (n < 300 ? 2000 : 30)), 2],
    ['usual ones', ids(() => 60), 1.01],
  ])('LI-02: %s, each once and in order, and hardly any is read twice', async (_, all, times) => {
    const { ask, looked } = listing(all);
    const chunks: Uint8Array[] = [];
    const body = (await ask()).body as ReadableStream<Uint8Array>;
    for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk);
    expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThanOrEqual(2 * PAGE_BYTES);
    expect(JSON.parse(await new Blob(chunks as Uint8Array<ArrayBuffer>[]).text())).toEqual(all);
    expect(looked()).toBeLessThanOrEqual(MEMBERS * times);
  });

  it('LI-03: of a filter that few pass no member is looked at twice', async () => {
    const { ask, looked } = listing(LONG, (n) => n % 500 === 0);
    expect((await (await ask()).json()) as string[]).toHaveLength(6);
    expect(looked()).toBe(MEMBERS);
  });

  it('nothing is read ahead of whoever reads nothing', async () => {
    const { ask, looked } = listing(LONG);
    const answer = await ask();
    const before = looked();
    await new Promise((done) => setTimeout(done, 10));
    expect([looked(), before < LIST_PAGE + 200]).toEqual([before, true]);
    await answer.body?.cancel();
  });
});

it('a page is cut between two texts and nowhere else, whatever stands in them', () => {
  const texts = ['plain', 'with "," in it', '","', '\\', 'ends with \\"', ',"', '', '",', ','];
  const json = texts.map((one) => JSON.stringify(one)).join(',');
  for (let most = 0; most <= json.length; most++) {
    const cut = cutPage({ json, next: 'later', until: 7 }, most);
    const kept = JSON.parse(`[${cut.json}]`) as string[];
    expect(kept, `after ${most} characters at most`).toEqual(texts.slice(0, kept.length));
    expect([cut.next, cut.until], 'goes on after the last').toEqual([kept.length === texts.length ? 'later' : kept.at(-1), 7]);
    expect(kept.length === 1 || cut.json.length <= most).toBe(true);
  }
  const broken = { json: '"one","two', next: 'later', until: null };
  expect(cutPage(broken, 6), 'what is no list of texts is left as it is').toBe(broken);
});

describe('a page of many has fewer where they are long, and the next one goes on with the next', () => {
  it('of the extended listing, with statements or without', async () => {
    const statement = 'x'.repeat(8000);
    const published = {
      begin: () => 1,
      stamp: () => undefined,
      remembered: () => undefined,
      extendedPage: (_: string, __: object, from: string, limit: number) => {
        const at = from === '' ? 0 : LONG.indexOf(from);
        return { entities: LONG.slice(at, at + limit).map((entityId) => ({ entityId, registered: 1, updated: 1, statement })), until: null, rest: undefined };
      },
    } as unknown as Published;
    const listed = { spell: () => false, now: 1, authenticated: false, development: false } as never;
    const app = new Hono().get('/', (c) => serveExtendedList(c, published, authority, new URL(c.req.url).searchParams, listed));
    for (const query of ['limit=1000', 'limit=100&claims=subordinate_statement']) {
      const found: string[] = [];
      for (let from: string | undefined = ''; from !== undefined && found.length < 500; ) {
        const text = await (await app.request(`/?${query}&from=${encodeURIComponent(from)}`.replace('&from=&', '&').replace(/&from=$/, ''))).text();
        expect(text.length).toBeLessThan(ANSWER);
        const page = JSON.parse(text) as {
          immediate_subordinate_entities: { id: string; subordinate_statement?: string }[];
          next?: string;
          next_entity_id?: string;
        };
        expect(page.immediate_subordinate_entities.every((one) => one.subordinate_statement === (query.includes('claims') ? statement : undefined))).toBe(true);
        expect(page.next_entity_id).toBe(page.next);
        found.push(...page.immediate_subordinate_entities.map(({ id }) => id));
        from = page.next;
      }
      expect(found).toEqual(LONG.slice(0, found.length));
      expect(found.length).toBeGreaterThanOrEqual(500);
    }
  });

  it('of a collection', async () => {
    const uiInfos = { federation_entity: { description: 'x'.repeat(4000) } };
    const store = {
      anchors: () => [],
      collection: () => ({ lastUpdated: 1 }),
      collectionLot: async ({ from }: { from: string }, limit: number) => {
        const at = from === '' ? 0 : LONG.indexOf(from);
        return { entities: LONG.slice(at, at + limit).map((entityId) => ({ entityId, types: ['x'], uiInfos, marks: [], issuers: [] })), last: undefined };
      },
    };
    const app = new Hono().get('/', (c) =>
      serveCollection(c, store as unknown as Published, authority, {
        query: new URL(c.req.url).searchParams,
        now: 1,
        authenticated: false,
        development: false,
      }),
    );
    const page = async (query: string) => {
      const text = await (await app.request(`/${query}`)).text();
      expect(text.length).toBeLessThan(ANSWER);
      return JSON.parse(text) as { entities: { entity_id: string }[]; next_entity_id: string; last_updated: number };
    };
    const first = await page('');
    const second = await page(`?from_entity_id=${encodeURIComponent(first.next_entity_id)}`);
    const found = [...first.entities, ...second.entities].map(({ entity_id }) => entity_id);
    expect([found, first.entities.length < 50, first.last_updated]).toEqual([LONG.slice(0, found.length), true, 1]);
  });
});
