import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { serveIdentifiers } from '../../src/public/identifiers.js';
import type { Page, Published } from '../../src/store/published.js';

it('whoever asks after each commit and takes nothing has few of them held: then it is streamed', async () => {
  // Some two megabytes a version, of which sixteen may be held.
  const pages = 32;
  const ids = Array.from({ length: 33 }, (_, n) => `https://m${n}.example/`.padEnd(1900, 'x'));
  let version = 0;
  /** As a connection holds what it has not sent. */
  const held: unknown[] = [];
  const published = {
    begin: () => 1,
    stamp: () => `${version}`,
    remembered: () => undefined,
    remember: (_: string, answer: unknown) => held.push(answer),
  } as unknown as Published;
  const page = (after: string): Page => {
    const n = after === '' ? 0 : Number(after);
    return { json: ids.map((one) => JSON.stringify(one)).join(','), next: n + 1 < pages ? String(n + 1) : undefined, until: null };
  };
  const keep = { as: 'all', share: { of: 'y' }, empty: true, spell: () => undefined };
  const app = new Hono().get('/', (c) => serveIdentifiers(c, published, { page, keep, now: () => 1, authenticated: false }));
  const tagged: boolean[] = [];
  for (; version < 22; version++) {
    const answer = await app.request('/');
    tagged.push(answer.headers.has('etag'));
    await answer.body?.cancel();
  }
  const made = tagged.filter(Boolean).length;
  expect([tagged[0], tagged.at(-1), made === held.length && made >= 16 && made <= 19], `${made} were made`).toEqual([true, false, true]);
});
