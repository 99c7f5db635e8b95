import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { serveList } from '../../src/public/list.js';
import type { ListFilter, Page, Published, ServedAuthority } from '../../src/store/published.js';
import { testDeployment, testMember } from '../support/deployment.js';

it('a type that holds a line break is one type, not several: nobody is given the list of another question', async () => {
  const d = await testDeployment();
  for (const type of ['a', 'b']) {
    const { id, jwks } = await testMember(`https://${type}.example`);
    await d.admin('POST', '/authorities/main/members', { entity_id: id, jwks, entity_types: [type], activate: true });
  }
  const both = ['https://a.example', 'https://b.example'];
  for (let n = 0; n < 2; n++) {
    expect((await d.public('/list?entity_type=a&entity_type=b')).json).toEqual(both);
    expect((await d.public('/list?entity_type=a%0Ab')).json).toEqual([]);
  }
});

it('what is remembered of a list that was streamed is found by nobody who asks for another one', async () => {
  const remembered = new Map<string, unknown>();
  const published = {
    begin: () => 1,
    stamp: () => '1',
    remembered: (name: string) => remembered.get(name),
    remember: (name: string, value: unknown) => remembered.set(name, value),
    listPage: (_: string, __: ListFilter, after: string): Page => ({
      json: `"${'x'.repeat(60_000)}"`,
      next: after === 'xx' ? undefined : `${after}x`,
      until: null,
    }),
  } as unknown as Published;
  const authority = { id: 'aut' } as ServedAuthority;
  const app = new Hono().get('/', (c) =>
    serveList(c, published, authority, { query: new URL(c.req.url).searchParams, now: 1, authenticated: false, spell: () => undefined }),
  );
  const ask = async (query: string) => {
    const answer = await app.request(`/?${query}`);
    return [answer.status, (await answer.text()).length];
  };
  // The third time it has a tag: it was read to its end.
  for (let n = 0; n < 3; n++) expect(await ask('entity_type=a&entity_type=b')).toEqual([200, 180_010]);
  expect(remembered.size).toBe(1);
  expect(await ask('entity_type=a&entity_type=b%20tag')).toEqual([200, 180_010]);
});
