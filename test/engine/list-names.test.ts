import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { createPublicApp } from '../../src/public/app.js';
import { serveMarkedEntities } from '../../src/public/trust-marks.js';
import { serveList } from '../../src/public/list.js';
import type { ListFilter, Page, Published, ServedAuthority } from '../../src/store/published.js';
import { ANCHOR, testDeployment, testMember } from '../support/deployment.js';

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
    serveList(c, published, authority, { query: new URL(c.req.url).searchParams, now: () => 1, authenticated: false, spell: () => undefined }),
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

it('a list that is read slowly has nobody whose end has come meanwhile', async () => {
  const d = await testDeployment();
  const job = (await d.admin('POST', '/authorities/main/imports', { activate: true })).json.id;
  const { jwks } = await testMember('https://m.example');
  const lines = Array.from({ length: 120 }, (_, n) => ({
    entity_id: `https://m${1000 + n}.example/${'x'.repeat(1900)}`,
    jwks,
    entity_types: ['a'],
    ...(n > 110 && { valid_until: d.clock + 10 }),
  }));
  const text = lines.map((one) => JSON.stringify(one)).join('\n');
  const sent = await d.admin('POST', `/authorities/main/imports/${job}/lines`, text, { headers: { 'content-type': 'application/x-ndjson' } });
  expect(sent.json).toMatchObject({ done: 120, refused: 0 });
  const app = createPublicApp(() => ({ published: d.published, inbox: undefined, now: () => d.clock, development: false }));
  const read = async (end: number) => {
    const reader = (await app.request(`${ANCHOR}/list?entity_type=a&entity_type=b`)).body?.getReader();
    let got = '';
    for (let n = 0; ; n++) {
      if (n === 1) d.clock += end;
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (done) return (JSON.parse(got) as string[]).length;
      got += new TextDecoder().decode(value);
    }
  };
  expect([await read(0), await read(10), await read(0)]).toEqual([120, 111, 111]);
});

it('each page of the entities with a mark is read by the clock of when it is read, as slowly as that may be', async () => {
  let clock = 1;
  const at: number[] = [];
  const published = {
    begin: () => 1,
    stamp: () => undefined,
    remembered: () => undefined,
    remember: () => {},
    markedPage: (_: string, __: string, after: string, ___: number, now: number): Page => {
      at.push(now);
      return { json: `"${'x'.repeat(200_000)}"`, next: after === 'xx' ? undefined : `${after}x`, until: null };
    },
  } as unknown as Published;
  const app = new Hono().get('/', (c) =>
    serveMarkedEntities(c, published, { id: 'aut' } as ServedAuthority, new URL(c.req.url).searchParams, () => clock, false),
  );
  const reader = (await app.request('/?trust_mark_type=https%3A%2F%2Fa.example%2Fmark')).body?.getReader();
  while (!(await reader?.read())?.done) clock++;
  expect(at.length).toBe(3);
  expect(at[2]).toBeGreaterThan(1);
});
