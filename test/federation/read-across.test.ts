import { expect, it } from 'vitest';
import { createPublicApp } from '../../src/public/app.js';
import { createCache, createPublished } from '../../src/store/published.js';

const AUTHORITY = 'https://anchor.example.org';
const URL_OF = `${AUTHORITY}/fetch?sub=https%3A%2F%2Fa.example.com`;

it('what was read on both sides of a commit, by an engine that takes time, leads to no kept answer', async () => {
  let isFresh = true;
  let clientAuth = '{}';
  let late: (() => void) | undefined;
  const published = createPublished(
    async (sql) => {
      if (!sql.includes('client_auth')) return [{ bytes: 'statement', media_type: 'x/y', sha256: 'h', exp: 100, cap: null, withheld: 0 }];
      const row = { id: 'aut_1', entity_id: AUTHORITY, client_auth: clientAuth, withheld: 0 };
      if (late === undefined) await new Promise<void>((done) => (late = done));
      return [row];
    },
    createCache(1e6, () => {
      const was = isFresh;
      isFresh = true;
      return was;
    }),
  );
  const app = createPublicApp(() => ({ published, inbox: undefined, now: () => 5, development: false }));
  const before = app.request(URL_OF);
  while (late === undefined) await Promise.resolve();
  // The endpoint asks for client authentication from now on, and somebody else has learned that.
  clientAuth = '{"fetch":"required"}';
  isFresh = false;
  expect((await app.request(URL_OF)).status).toBe(401);
  late();
  expect((await before).status, 'it came before').toBe(200);
  expect((await app.request(URL_OF)).status, 'and is no answer to the next one').toBe(401);
});
