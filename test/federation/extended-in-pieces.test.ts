import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { serveExtendedList } from '../../src/public/extended-list.js';
import { NO_CACHE } from '../../src/store/published-cache.js';
import { createPublished, type Published, type Select } from '../../src/store/published.js';

const name = (n: number) => `https://m${n}.example`;
const authority = { id: 'a', entityId: 'https://ta.example', clientAuth: {}, withheld: false };

/** A listing of four pieces, of each of which one member passes. */
function world(isActive: (piece: number) => boolean) {
  const asked: string[] = [];
  const published = {
    begin: () => 1,
    stamp: () => undefined,
    remembered: () => undefined,
    isActive: () => isActive(asked.length),
    extendedPage: (_: string, __: object, from: string) => {
      asked.push(from);
      const entities = [{ entityId: name(asked.length), registered: 1, updated: 1, statement: undefined }];
      return { entities, until: 10 - asked.length, rest: asked.length < 4 ? name(asked.length) : undefined };
    },
  } as unknown as Published;
  const listing = { spell: () => false, now: 1, authenticated: false, development: false } as never;
  const app = new Hono().get('/', (c) => serveExtendedList(c, published, authority, new URL(c.req.url).searchParams, listing));
  return { asked, ask: (query: string, init: RequestInit = {}) => app.request(`/?${query}`, init) };
}
const listed = async (answer: Response) => ((await answer.json()) as { immediate_subordinate_entities: { id: string }[] }).immediate_subordinate_entities;

it('what few pass is looked for piece by piece, to the end of the page', async () => {
  const whole = world(() => true);
  expect((await listed(await whole.ask('entity_type=x'))).map(({ id }) => id)).toEqual([1, 2, 3, 4].map(name));
  expect(whole.asked).toEqual(['', name(1), name(2), name(3)]);
  const some = world(() => true);
  expect(await (await some.ask('entity_type=x&limit=2')).json()).toMatchObject({
    immediate_subordinate_entities: [{ id: name(1) }, { id: name(2) }],
    next: name(3),
  });
});

it('a halt ends it, and so does whoever has gone', async () => {
  const halted = world((piece) => piece < 2);
  expect([(await halted.ask('entity_type=x')).status, halted.asked.length]).toEqual([404, 2]);
  const gone = world(() => true);
  const signal = AbortSignal.abort();
  await gone.ask('entity_type=x', { signal });
  expect(gone.asked).toEqual(['']);
});

it('a piece is a thousand members in their order, or what has changed since where that is few', async () => {
  const said: { sql: string; params: readonly unknown[] }[] = [];
  const answers: Record<string, readonly Record<string, unknown>[]> = {};
  const select: Select = (sql, params) => {
    said.push({ sql, params });
    return Object.entries(answers).find(([word]) => sql.includes(word))?.[1] ?? [];
  };
  const published = createPublished(select, NO_CACHE);
  const filter = { entityTypes: ['x'], intermediate: false, trustMarked: false, trustMarkTypes: [], updatedAfter: undefined, updatedBefore: undefined };
  answers['OFFSET'] = [{ entity_id: name(7) }];
  expect(await published.extendedPage('a', filter, name(1), 5, 9)).toEqual({ entities: [], until: null, rest: name(7) });
  expect(said.at(-1)?.params).toEqual(['a', name(1), 9, '["x"]', name(7), 5]);
  expect(said.at(-1)?.sql).toContain('member.entity_id < ?');
  answers['count(*)'] = [{ n: 1000 }];
  expect(await published.extendedPage('a', { ...filter, updatedAfter: 3 }, '', 5, 9)).toMatchObject({ rest: name(7) });
  expect(said.at(-1)?.sql).not.toContain('INDEXED BY');
  answers['count(*)'] = [{ n: 999 }];
  expect(await published.extendedPage('a', { ...filter, updatedAfter: 3 }, '', 5, 9)).toMatchObject({ rest: undefined });
  expect(said.at(-1)?.sql).toContain('INDEXED BY member_updated');
});
