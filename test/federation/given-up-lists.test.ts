import { Hono } from 'hono';
import { expect, it, vi } from 'vitest';
import { serveIdentifiers } from '../../src/public/identifiers.js';
import type { Page, Published } from '../../src/store/published.js';

/** A listing that never ends, of which nobody passes. */
function world(isKept: boolean) {
  let pages = 0;
  const published = { begin: () => 1, stamp: () => '1', remembered: () => undefined } as unknown as Published;
  const page = async (after: string): Promise<Page> => ({ json: '', next: pages++ < Number.MAX_VALUE ? `${after}x`.slice(-3) : undefined, until: null });
  const keep = { as: 'x', share: { of: 'y' }, empty: false, spell: () => undefined };
  const app = new Hono().get('/', (c) => serveIdentifiers(c, published, { page, now: () => 1, authenticated: false, ...(isKept && { keep }) }));
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
  await vi.waitFor(() => expect(pages(), 'one waits').toBeGreaterThan(before), 20_000);
  asked[0]?.abort();
  // It ends, sooner or later: without that this would not.
  for (let left = -1; left !== pages(); ) {
    left = pages();
    await turns(20);
  }
  for (const one of await Promise.all(answers)) await one.body?.cancel();
});

it('strangers who ask with ever new filters leave the list of all members to be built', async () => {
  const published = { begin: () => 1, stamp: () => '1', remembered: () => undefined, remember: () => undefined } as unknown as Published;
  let open: () => void = () => undefined;
  const door = new Promise<void>((done) => {
    open = done;
  });
  const page = async (after: string): Promise<Page> => {
    if (after !== '') await door;
    return { json: `"https://a${after}.example"`, next: after === '' ? 'x' : undefined, until: null };
  };
  const app = new Hono().get('/:as', (c) => {
    const as = c.req.param('as');
    const keep = { as, share: { of: 'y' }, empty: as === 'all', spell: () => undefined };
    return serveIdentifiers(c, published, { page, keep, now: () => 1, authenticated: false });
  });
  const asked = ['one', 'two', 'three', 'all'].map((as) => app.request(`/${as}`));
  setTimeout(open, 20);
  const answers = await Promise.all(asked.map(async (one) => (await one).headers.has('etag')));
  expect(answers, 'built, or streamed').toEqual([true, true, false, true]);
});
