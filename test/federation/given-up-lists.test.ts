import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { serveIdentifiers } from '../../src/public/identifiers.js';
import type { Page, Published } from '../../src/store/published.js';

/** A listing that never ends, of which nobody passes. */
function world(isKept: boolean) {
  let pages = 0;
  const published = { begin: () => 1, stamp: () => '1', remembered: () => undefined } as unknown as Published;
  const page = async (after: string): Promise<Page> => ({ ids: [], next: pages++ < 10_000 ? `${after}x`.slice(-3) : undefined, until: null });
  const keep = { as: 'x', share: { of: 'y' }, empty: false, spell: () => undefined };
  const app = new Hono().get('/', (c) => serveIdentifiers(c, published, { page, now: 1, authenticated: false, ...(isKept && { keep }) }));
  const ask = (signal?: AbortSignal) => app.request('/', signal ? { signal } : {});
  const turns = async (n: number) => {
    for (let at = 0; at < n; at++) await new Promise((done) => setTimeout(done, 0));
  };
  return { ask, turns, pages: () => pages };
}

it.each([[true], [false]])('a list that nobody waits for any more is not read on (kept: %s)', async (isKept) => {
  const { ask, turns, pages } = world(isKept);
  const asked = Array.from({ length: 20 }, () => new AbortController());
  const answers = asked.map(({ signal }) => ask(signal));
  await turns(5);
  for (const one of asked.slice(1)) one.abort();
  const before = pages();
  await turns(5);
  expect(pages(), 'one waits').toBeGreaterThan(before);
  asked[0]?.abort();
  await turns(5);
  const left = pages();
  await turns(20);
  expect(pages()).toBe(left);
  for (const one of await Promise.all(answers)) await one.body?.cancel();
});
