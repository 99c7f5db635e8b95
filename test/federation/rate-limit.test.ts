import { fc } from '../support/fuzz.js';
import { describe, expect, it } from 'vitest';
import { parseBlocks } from '../../src/outbound/address-guard.js';
import type { TooMany } from '../../src/operations/join/pace.js';
import { paceRead } from '../../src/operations/join/pace-reads.js';
import { clientAddress } from '../../src/platform/client-address.js';
import { admit } from '../../src/store/gcra.js';
import { NOW } from '../support/chain.js';

describe('the rate of strangers', () => {
  it('so many at once, then one in each interval; whoever is refused is told when to come again', () => {
    const rate = { interval: 10, burst: 3 };
    let tat: number | undefined;
    const ask = (now: number) => {
      const admitted = admit(tat, now, rate);
      if (admitted.allowed) tat = admitted.tat;
      return admitted.allowed || admitted.retryAfter;
    };
    expect([ask(100), ask(100), ask(100), ask(100), ask(109)]).toEqual([true, true, true, 10, 1]);
    expect([ask(110), ask(110), ask(120), ask(1000), ask(1000), ask(1000), ask(1000)]).toEqual([true, 10, true, true, true, true, 10]);
  });

  it('in no stretch of time more than the burst and one for each interval, however it is asked', () => {
    const asked = fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 });
    fc.assert(
      fc.property(asked, fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 10 }), (times, interval, burst) => {
        let tat: number | undefined;
        const allowed: number[] = [];
        for (const now of times.sort((a, b) => a - b)) {
          const admitted = admit(tat, now, { interval, burst });
          if (!admitted.allowed) {
            expect(admit(tat, now + admitted.retryAfter, { interval, burst }).allowed).toBe(true);
            continue;
          }
          tat = admitted.tat;
          allowed.push(now);
        }
        for (const [n, from] of allowed.entries())
          for (const [m, to] of allowed.slice(n).entries()) expect(m + 1).toBeLessThanOrEqual(burst + Math.floor((to - from) / interval));
      }),
      { numRuns: 200 },
    );
  });
});

it('an asker is who the last proxy that is known has named; what anybody can write names nobody', () => {
  const proxies = parseBlocks('X', '10.0.0.0/8, 2001:db8:1::/48');
  expect(clientAddress(undefined, '1.2.3.4', proxies)).toBeUndefined();
  expect(clientAddress('198.51.100.1', '1.2.3.4', proxies), 'no proxy of ours').toBe('198.51.100.1');
  expect(clientAddress('10.0.0.1', '1.2.3.4', [])).toBe('10.0.0.1');
  expect(clientAddress('10.0.0.1', '6.6.6.6, 1.2.3.4', proxies), 'what was written before it came to us').toBe('1.2.3.4');
  expect(clientAddress('::ffff:10.0.0.1', '1.2.3.4:5678, 10.9.9.9', proxies)).toBe('1.2.3.4');
  expect(clientAddress('10.0.0.1', null, proxies)).toBe('10.0.0.1');
  expect(clientAddress('10.0.0.1', '1.2.3.4, unknown', proxies)).toBe('10.0.0.1');
  expect(clientAddress('2001:db8:1::1', '[2001:db8:9:1:2:3:4:5]:99', proxies), 'a /64 is one').toBe(clientAddress('2001:db8:9:1::1', null, []));
  expect(() => parseBlocks('HOLDFAST_TRUSTED_PROXIES', '10.0.0.1')).toThrow('HOLDFAST_TRUSTED_PROXIES');
});

describe('reads of the join API', () => {
  it('are paced by address: nobody guesses without end, and nobody keeps others out', () => {
    let clock = NOW;
    const deployment = { store: {}, now: () => clock } as never;
    const read = (address?: string) => {
      try {
        return paceRead(deployment, address) ?? 0;
      } catch (error) {
        return (error as TooMany).retryAfter;
      }
    };
    expect(Array.from({ length: 301 }, () => read('203.0.113.7')).filter((wait) => wait > 0)).toEqual([1]);
    expect([read('203.0.113.8'), read(), read('203.0.113.7')], 'others, and whoever is not known').toEqual([0, 0, 1]);
    clock += 1;
    expect([read('203.0.113.7'), read('203.0.113.7'), read('203.0.113.7')]).toEqual([0, 0, 1]);
    for (let n = 0; n < 10_050; n++) read(`198.51.100.${n}`);
    clock += 3600;
    expect([read('203.0.113.7'), read('198.51.100.1')]).toEqual([0, 0]);
    expect(paceRead({ store: {}, now: () => NOW } as never, 'x'), 'of another deployment').toBeUndefined();
  });
});
