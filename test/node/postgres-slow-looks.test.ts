import { expect, it } from 'vitest';
import { createPublicApp } from '../../src/public/app.js';
import { LIST_PAGE } from '../../src/store/published.js';
import type { Follower } from '../../src/store/postgres/follower.node.js';
import { publishedOnPostgres } from '../../src/store/postgres/published.postgres.node.js';
import { NOW } from '../support/chain.js';

const ANCHOR = 'https://anchor.example.org';
const rowsOf = (row: Readonly<Record<string, unknown>>) => ({ names: Object.keys(row), rows: [Object.values(row)] });

it('a server that takes long to say how far it is: nobody is given a list that was begun before a cut he may know of', async () => {
  const members = Array.from({ length: LIST_PAGE + 1 }, (_, n) => `https://m${1000 + n}.example`);
  let version: string | undefined = 'before';
  let go = () => {};
  const held = new Promise<void>((done) => {
    go = done;
  });
  let pages = 0;
  const read: Follower['read'] = async (text, params) => {
    if (text.includes('client_auth')) return rowsOf({ id: 'aut_1', entity_id: ANCHOR, client_auth: '{}', withheld: 0 });
    if (!text.includes('string_agg')) return rowsOf({ state: 'active' });
    const page = members.filter((one) => one > String(params[1])).slice(0, LIST_PAGE);
    if (++pages === 2) await held;
    return rowsOf({ looked: page.length, last: page.at(-1), json: page.map((one) => JSON.stringify(one)).join(','), until: null });
  };
  const follower = { version: () => version, takeChanges: () => [], expectFresh: () => undefined, expire: () => undefined, read };
  const published = publishedOnPostgres(follower as unknown as Follower);
  const app = createPublicApp(() => ({ published, inbox: undefined as never, now: () => NOW, development: false }));
  const list = async () => (await app.request(`${ANCHOR}/list`)).json() as Promise<string[]>;
  const until = async (count: number) => {
    while (pages < count) await new Promise((done) => setTimeout(done, 0));
  };
  published.begin();
  version = undefined; // each look is older than it may be as soon as it is there
  const before = list();
  await until(2);
  const [cut] = members.splice(0, 1); // its suspension was answered
  const later = list();
  await until(3);
  await new Promise((done) => setTimeout(done, 5));
  go();
  expect((await before).includes(cut as string)).toBe(true);
  expect((await later).includes(cut as string)).toBe(false);
  // What was read while nobody could tell whether anything changed is given to nobody else.
  expect(await list()).toEqual(members);
});
