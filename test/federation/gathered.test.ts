import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { gathered, type Waiting } from '../../src/store/queue.js';

const one = (scope: string | null, urgent = false): Waiting => ({
  request: { authorityId: 'aut', scope, urgent, actor: { id: 'x', kind: 'system' }, decide: () => Promise.reject(new Error('nobody decides here')) },
  tries: 0,
  alone: false,
  holding: new Map(),
  resolve: () => undefined,
  reject: () => undefined,
});

describe('operations that come one after another share a transaction', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] }));
  afterEach(() => void vi.useRealTimers());

  /** One more every millisecond, `coming` in all; how many there were when it went on, and after how long. */
  async function gather(queue: Waiting[], coming: number, { size = 64, before = 1, more = (n: number) => one(`m${n}`) } = {}) {
    const begun = performance.now();
    let done: { readonly there: number; readonly after: number } | undefined;
    void gathered(queue, size, before).then(() => {
      done = { there: queue.length, after: performance.now() - begun };
    });
    for (let n = 0; n < 30 && !done; n++) {
      if (n < coming) queue.push(more(n));
      await vi.advanceTimersByTimeAsync(1);
    }
    return done;
  }

  it('who comes alone is waited with for nobody', async () => {
    expect(await gather([one('a')], 0)).toEqual({ there: 1, after: 0 });
  });

  it('while others keep coming they are waited for, and for no longer than that', async () => {
    const found = await gather([one('a'), one('b')], 3);
    expect(found?.there).toBe(5);
    expect(found?.after).toBeLessThanOrEqual(5);
  });

  it('not without end, and not beyond what fits', async () => {
    expect((await gather([one('a'), one('b')], 30))?.after).toBeLessThanOrEqual(21);
    expect((await gather([one('a'), one('b')], 30, { size: 4 }))?.there).toBe(4);
    expect((await gather([one('a'), one('b')], 30, { size: 1 }))?.after, 'where each is a batch of its own').toBe(0);
  });

  it('a cut waits for nobody, and what goes alone neither', async () => {
    expect((await gather([one('a'), one('cut', true)], 0))?.after).toBe(0);
    expect((await gather([one(null), one('a')], 0))?.after).toBe(0);
    const cut = await gather([one('a'), one('b')], 30, { more: () => one('cut', true) });
    expect(cut?.after).toBeLessThanOrEqual(1);
  });
});
