import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { serveCollection } from '../../src/public/collection.js';
import type { CollectionLot, Published } from '../../src/store/published.js';

const ANCHOR = 'https://anchor.example.org';
const authority = { id: 'a', entityId: ANCHOR, clientAuth: {}, withheld: false };

/** A store that gives these lots, one after the other. */
function collecting(lotAt: (n: number) => CollectionLot) {
  let asked = 0;
  const store = { anchors: () => [], collection: () => ({ lastUpdated: 1 }), collectionLot: async () => lotAt(asked++) };
  const app = new Hono().get('*', (c) =>
    serveCollection(c, store as unknown as Published, authority, { query: new URL(c.req.url).searchParams, now: 1, authenticated: false, development: false }),
  );
  return { ask: (query = '') => app.request(`${ANCHOR}/collection?${query}`), asked: () => asked };
}

it('where nobody is in force an answer ends after so many, one request at a time looks further, and all is as before when it has ended', async () => {
  const found = { entityId: 'https://z.example', types: [], uiInfos: {}, marks: [], issuers: [] };
  const far = collecting((n) => (n < 140 ? { entities: [], last: 'https://m.example' } : { entities: [found], last: undefined }));
  const [one, other] = await Promise.all([far.ask(), far.ask()]);
  expect([one.status, other.status, one.headers.get('retry-after'), one.headers.get('cache-control')]).toEqual([503, 503, '10', 'no-store']);
  expect(far.asked(), 'a hundred lots by one, sixteen by the other').toBe(116);
  expect(await (await far.ask()).json()).toMatchObject({ entities: [], next_entity_id: found.entityId });
});
