import { describe, expect, it } from 'vitest';
import { askedBy, perProcess, perWalk, withinBudget } from '../../src/outbound/budget.js';
import { type BudgetLimits, createBudget } from '../../src/outbound/evaluation-budget.js';
import type { Outbound } from '../../src/outbound/outbound.js';
import { createTurns } from '../../src/outbound/turns.js';

const request = (url: string) => ({ url, mediaType: 'application/json' });
const ok = (url: string, body = 'x') => ({ ok: true as const, value: { url, body } });
const said = (result: Awaited<ReturnType<Outbound['get']>>) => (result.ok ? 'ok' : result.findings.map(({ code, transient }) => `${code} ${transient}`).join());

/** A door whose answers wait until they are let through; it tells how many are on their way. */
function heldDoor() {
  const waiting: { readonly url: string; readonly go: () => void }[] = [];
  let most = 0;
  const door: Outbound = {
    get: ({ url }) =>
      new Promise((done) => {
        waiting.push({ url, go: () => done(ok(url)) });
        most = Math.max(most, waiting.length);
      }),
    post: ({ url }) => Promise.resolve(ok(url)),
  };
  const settle = () => new Promise((done) => setTimeout(done, 0));
  return {
    door,
    waiting,
    settle,
    get most() {
      return most;
    },
    async drain() {
      for (await settle(); waiting.length; await settle()) waiting.shift()?.go();
    },
  };
}

describe('the budget of an evaluation (§18.1)', () => {
  const spend = async (limits: BudgetLimits, bodies: readonly string[], clock = () => 0) => {
    const door: Outbound = { get: async ({ url }) => ok(url, bodies[Number(url)]), post: async ({ url }) => ok(url) };
    const bounded = withinBudget(door, createBudget(clock, limits));
    const results: string[] = [];
    for (const n of bodies.keys()) results.push(said(await bounded.get(request(String(n)))));
    return results;
  };
  it('fetches: n pass, the next does not, and that is a verdict', async () => {
    expect(await spend({ fetches: 3 }, ['a', 'a'])).toEqual(['ok', 'ok']);
    expect(await spend({ fetches: 3 }, ['a', 'a', 'a'])).toEqual(['ok', 'ok', 'ok']);
    expect(await spend({ fetches: 3 }, ['a', 'a', 'a', 'a'])).toEqual(['ok', 'ok', 'ok', 'budget_exceeded false']);
  });
  it('bytes: reading goes on below the limit, and stops at it', async () => {
    expect(await spend({ bytes: 10 }, ['123456789', 'more'])).toEqual(['ok', 'ok']);
    expect(await spend({ bytes: 10 }, ['1234567890', 'more'])).toEqual(['ok', 'budget_exceeded false']);
    expect(await spend({ bytes: 10 }, ['12345678901', 'more'])).toEqual(['ok', 'budget_exceeded false']);
  });
  it('time: running out of it may pass', async () => {
    const at = (ms: number) => {
      const times = [0, 0];
      return () => times.shift() ?? ms;
    };
    expect(await spend({ milliseconds: 100 }, ['a'], at(99))).toEqual(['ok']);
    expect(await spend({ milliseconds: 100 }, ['a'], at(100))).toEqual(['budget_exceeded true']);
    expect(await spend({ milliseconds: 100 }, ['a'], at(101))).toEqual(['budget_exceeded true']);
  });
  it.each(['paths', 'chains'] as const)('%s: n may be taken, the next not', async (what) => {
    const budget = createBudget(() => 0, { paths: 2, chains: 2 });
    const taken = [await budget.take(what), await budget.take(what), await budget.take(what)];
    expect(taken.map((one) => one?.code)).toEqual([undefined, undefined, 'budget_exceeded']);
  });
  it('once an exchange was refused no path is taken further, but what was found is validated', async () => {
    const budget = createBudget(() => 0, { fetches: 0 });
    await budget.exchange(
      'x',
      () => 0,
      async () => ({ ok: true, value: '' }),
    );
    expect((await budget.take('paths'))?.code).toBe('budget_exceeded');
    expect(await budget.take('chains')).toBeUndefined();
  });
  it('the defaults: 200 fetches, 4 MiB, 15 seconds, 1 000 paths, 64 chains, 16 at once', async () => {
    expect(
      (
        await spend(
          {},
          Array.from({ length: 201 }, () => ''),
        )
      ).lastIndexOf('ok'),
    ).toBe(199);
    const half = 'x'.repeat(2 * 1024 * 1024);
    expect(await spend({}, [half, half.slice(1), 'more', 'over'])).toEqual(['ok', 'ok', 'ok', 'budget_exceeded false']);
    let ms = 0;
    const door = perWalk({ get: async ({ url }) => ok(url), post: async ({ url }) => ok(url) }, () => ms);
    ms = 14_999;
    expect(said(await door.get(request('a')))).toBe('ok');
    ms = 15_000;
    expect(said(await door.get(request('a')))).toBe('budget_exceeded true');
    for (const [what, max] of [
      ['paths', 1000],
      ['chains', 64],
    ] as const) {
      const budget = createBudget(() => 0);
      let n = 0;
      while (!(await budget.take(what))) n++;
      expect(n).toBe(max);
    }
    const held = heldDoor();
    const bounded = withinBudget(
      held.door,
      createBudget(() => 0),
    );
    const all = Promise.all(Array.from({ length: 40 }, (_, n) => bounded.get(request(String(n)))));
    await held.drain();
    expect((await all).every((one) => one.ok)).toBe(true);
    expect(held.most).toBe(16);
  });
  it('reading is done one piece at a time, and the event loop is free in between', async () => {
    let ms = 0;
    const budget = createBudget(() => ms);
    const order: string[] = [];
    setTimeout(() => order.push('somebody else'), 0);
    await Promise.all(
      ['a', 'b'].map((name) =>
        budget.read(() => {
          order.push(name);
          ms += 20;
        }),
      ),
    );
    expect(order).toEqual(['a', 'somebody else', 'b']);
  });
  it.each([
    [7, ['a', 'b', 'somebody else']],
    [8, ['a', 'somebody else', 'b']],
    [9, ['a', 'somebody else', 'b']],
  ])('others have their turn after 8 ms of work: %i', async (each, expected) => {
    let ms = 1000;
    const budget = createBudget(() => ms);
    const order: string[] = [];
    const other = new Promise((done) => setTimeout(() => done(order.push('somebody else')), 0));
    const work = (name: string) => () => {
      order.push(name);
      ms += each;
    };
    await Promise.all(['a', 'b'].map((name) => budget.read(work(name))));
    await other;
    expect(order).toEqual(expected);
  });
  it('what has run out is told with its place', async () => {
    let ms = 0;
    const budget = createBudget(() => ms, { milliseconds: 10, paths: 0, chains: 0 });
    expect([(await budget.take('paths'))?.where, (await budget.take('chains'))?.where]).toEqual(['walk', 'walk']);
    ms = 5010;
    expect([(await budget.take('paths'))?.transient, (await budget.take('chains'))?.transient]).toEqual([true, true]);
    expect([(await budget.take('paths'))?.where, (await budget.take('chains'))?.where]).toEqual(['walk', 'walk']);
  });
  it('reading that throws holds up nobody', async () => {
    const budget = createBudget();
    const thrown = budget.read(() => {
      throw new Error('no');
    });
    await expect(thrown).rejects.toThrow('no');
    expect(await budget.read(() => 'next')).toBe('next');
  });
});

describe('what the whole process asks of the world', () => {
  it('at most 4 at once to one host, whatever its ports; other hosts go on', async () => {
    const held = heldDoor();
    const bounded = perProcess(held.door);
    const slow = Array.from({ length: 20 }, (_, n) => bounded.get(request(`https://victim.example:${1000 + n}/`)));
    const other = bounded.get(request('https://other.example/'));
    await held.settle();
    expect(held.waiting.map(({ url }) => new URL(url).hostname)).toEqual([...Array.from({ length: 4 }, () => 'victim.example'), 'other.example']);
    await held.drain();
    expect((await Promise.all([...slow, other])).every((one) => one.ok)).toBe(true);
    expect(held.most).toBe(5);
  });
  it('at most 64 at once in all', async () => {
    for (const n of [63, 64, 65]) {
      const held = heldDoor();
      const bounded = perProcess(held.door);
      const all = Promise.all(Array.from({ length: n }, (_, k) => bounded.get(request(`https://h${k}.example/`))));
      await held.settle();
      expect(held.waiting).toHaveLength(Math.min(n, 64));
      await held.drain();
      expect((await all).every((one) => one.ok)).toBe(true);
    }
  });
  it('a host is the same under any port and with a dot at its end, and another one is another', async () => {
    const held = heldDoor();
    const bounded = perProcess(held.door, { perHost: 1 });
    const urls = ['https://a.b.example/', 'https://a.b.example.:444/', 'https://ab.example/', 'https://a.b.example.org/'];
    const all = Promise.all(urls.map((url) => bounded.get(request(url))));
    await held.settle();
    expect(held.waiting.map(({ url }) => url)).toEqual([urls[0], urls[2], urls[3]]);
    await held.drain();
    expect((await all).every((one) => one.ok)).toBe(true);
  });
  it('what is no URL goes to the door, whose finding it is', async () => {
    const door: Outbound = { get: async ({ url }) => ok(url), post: async ({ url }) => ok(url) };
    expect(said(await perProcess(door).get(request('nonsense')))).toBe('ok');
  });
  it('a host keeps its one line while anybody is in it', async () => {
    const held = heldDoor();
    const bounded = perProcess(held.door, { perHost: 1 });
    const ask = () => bounded.get(request('https://h.example/'));
    const first = [ask(), ask()];
    await held.settle();
    held.waiting.shift()?.go();
    await held.settle();
    const later = ask();
    await held.settle();
    expect(held.waiting, 'the second one, and not the third beside it').toHaveLength(1);
    await held.drain();
    expect((await Promise.all([...first, later])).every((one) => one.ok)).toBe(true);
    expect(held.most).toBe(1);
  });
  it('a burst that comes in one moment is counted as it comes, to many hosts as to one', async () => {
    for (const url of [(n: number) => `https://h${n}.example/`, (n: number) => `https://h${n % 2}.example/`, () => 'https://h.example/']) {
      const held = heldDoor();
      const bounded = perProcess(held.door, { parallel: 2, perHost: 1, waiting: 3 });
      const answers = Promise.all(Array.from({ length: 12 }, (_, n) => bounded.get(request(url(n)))));
      await held.settle();
      const running = held.waiting.length;
      await held.drain();
      expect((await answers).filter(({ ok }) => ok)).toHaveLength(running + 3);
    }
  });
  it('who waits for the process is counted like who waits for a host', async () => {
    const held = heldDoor();
    const bounded = perProcess(held.door, { parallel: 1, waiting: 2 });
    const all = [];
    for (const n of [0, 1, 2, 3]) {
      all.push(bounded.get(request(`https://h${n}.example/`)));
      await held.settle();
    }
    await held.drain();
    expect((await Promise.all(all)).map(said)).toEqual(['ok', 'ok', 'ok', 'budget_exceeded true']);
  });
  it('so many may wait, and the next is told to come again', async () => {
    for (const n of [2, 3, 4]) {
      const held = heldDoor();
      const bounded = perProcess(held.door, { perHost: 1, waiting: 2 });
      const all = Array.from({ length: n }, () => bounded.get(request('https://h.example/')));
      await held.drain();
      expect((await Promise.all(all)).map(said)).toEqual(Array.from({ length: n }, (_, k) => (k < 3 ? 'ok' : 'budget_exceeded true')));
    }
  });
  it.each([
    ['of the process', { parallel: 2, perHost: 4 }, (n: number) => `https://h${n}.example/`],
    ['of a host', { parallel: 64, perHost: 2 }, (n: number) => `https://victim.example:${1000 + n}/`],
  ])('who asks for much waits for itself: those who wait for a place %s take turns', async (_, limits, url) => {
    const held = heldDoor();
    const bounded = perProcess(held.door, limits);
    const [greedy, modest, other] = [askedBy(bounded, {}), askedBy(bounded, {}), bounded];
    const all = [
      ...Array.from({ length: 20 }, (__, n) => greedy.get(request(url(n)))),
      ...[20, 21].map((n) => modest.get(request(url(n)))),
      ...[22, 23].map((n) => other.get(request(url(n)))),
    ];
    const order: string[] = [];
    for (await held.settle(); held.waiting.length; await held.settle()) {
      const next = held.waiting.shift();
      order.push(String(next?.url));
      next?.go();
    }
    expect((await Promise.all(all)).every((one) => one.ok)).toBe(true);
    const rank = (n: number) => order.indexOf(url(n));
    // Two were let in before anybody waited; then a round is the greedy, the modest, and each that came by itself.
    expect([20, 22, 23, 21].map(rank)).toEqual([3, 4, 5, 7]);
    expect(order.slice(0, 3), 'its own, in the order asked').toEqual([0, 1, 2].map(url));
    expect(held.most, 'and no more at once than before').toBe(2);
  });
  it('an evaluation is one asker, whatever its requests are, and the door behind gets them as they were', async () => {
    const seen: unknown[] = [];
    const note = async (one: { readonly url: string }) => {
      seen.push(one);
      return ok(one.url);
    };
    const door: Outbound = { get: note, post: note };
    const asker = {};
    const form = new URLSearchParams({ a: 'b' });
    await askedBy(door, asker).get({ ...request('https://a.example/'), maxBytes: 7 });
    await askedBy(door, asker).post({ ...request('https://b.example/'), form });
    expect(seen).toEqual([
      { ...request('https://a.example/'), maxBytes: 7, asker },
      { ...request('https://b.example/'), form, asker },
    ]);
  });
  it('a turn that is given back twice lets nobody slip in', async () => {
    const turns = createTurns(1);
    const first = await turns.take();
    const second = turns.take();
    first();
    first();
    let third = false;
    void turns.take().then(() => {
      third = true;
    });
    await second;
    await new Promise((done) => setTimeout(done, 0));
    expect(third).toBe(false);
    expect(turns.waiting).toBe(1);
  });
});
