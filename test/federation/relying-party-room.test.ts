import { describe, expect, it } from 'vitest';
import type { JwkSet } from '../../src/federation/entry.js';
import type { Outbound } from '../../src/outbound/outbound.js';
import { BoundedMap } from '../../src/rp/bounded-map.js';
import { statusLists } from '../../src/rp/gate/status-lists.js';
import { cached } from '../../src/rp/modes.js';
import { proofHooks } from '../../src/rp/oidc-provider/proofs.js';
import { reservations } from '../../src/rp/oidc-provider/reservations.js';
import { relyingPartyOver } from '../../src/rp/relying-party.js';
import { searchSlots } from '../../src/rp/search-slots.js';
import { spentOnce } from '../../src/rp/spent.js';
import { JoseFederation } from '../support/jose-federation.js';
import { joseNetwork } from '../support/jose-network.js';

const START = 1_800_000_000;
const [ANCHOR, AGENT] = ['https://anchor.example', 'https://agent.example'];

describe('what was used once', () => {
  it('R10 one client that signs without end shuts out itself and nobody else; nothing is forgotten before it ends', () => {
    const spent = spentOnce({ perOwner: 10, most: 30, few: 2 });
    const take = (owner: string, n: number, now = START) => spent.take(owner, `${owner} ${n}`, START + 60, now);
    const many = (owner: string, count: number) => Array.from({ length: count }, (_, n) => take(owner, n)).filter(Boolean).length;
    expect([many('loud', 40), take('quiet', 0), take('quiet', 0)]).toEqual([10, true, false]);
    expect([many('a', 10), many('b', 20)], 'all there is room for').toEqual([10, 9]);
    expect([take('c', 0), take('c', 1), take('c', 2)], 'room is kept for who has few').toEqual([true, true, false]);
    expect(many('loud', 40), 'used before').toBe(0);
    const others = Array.from({ length: 40 }, (_, n) => take(`x${n}`, 0)).filter(Boolean).length;
    expect(others, 'and has an end').toBe(13);
    expect([take('loud', 99, START + 59), take('loud', 99, START + 60), spent.has('loud 0', START + 60)]).toEqual([false, true, false]);
    spent.giveBack('loud 99');
    spent.giveBack('loud 99');
    expect(take('loud', 99, START + 60)).toBe(true);
  });

  it('is so of assertions, of Request Objects and of registrations', async () => {
    const { assertion } = proofHooks({ known: () => ({}) as never, now: () => START });
    const ctx = { oidc: { issuer: 'https://as.example' } } as never;
    const used = (clientId: string, n: number) => {
      const claims = { aud: 'https://as.example', sub: clientId, exp: START + 60, jti: `j${n}` };
      try {
        void assertion(ctx, claims, {} as never, { clientId } as never);
        return 'taken';
      } catch {
        return 'refused';
      }
    };
    for (let n = 0; n < 10_000; n++) used('https://loud.example', n);
    expect([used('https://loud.example', 10_000), used('https://loud.example', 0), used(AGENT, 0), used(AGENT, 0)]).toEqual([
      'refused',
      'refused',
      'taken',
      'refused',
    ]);
    const { take } = reservations();
    for (let n = 0; n < 10_000; n++) await take('loud', `t${n}`, START + 60, START);
    expect([await take('loud', 't', START + 60, START), await take('quiet', 't', START + 60, START)]).toEqual([false, true]);
    const twenty = await Promise.all(Array.from({ length: 20 }, () => take('quiet', 'one', START + 60, START)));
    expect(twenty.filter(Boolean)).toHaveLength(1);
  });
});

describe('searches without a resolver', () => {
  it('entities of one domain that never answers leave places for others; those of many leave some still', () => {
    const slots = searchSlots(32, true);
    const taken = (name: (n: number) => string) => Array.from({ length: 64 }, (_, n) => slots.take(name(n))).filter((one) => one !== undefined);
    const first = taken((n) => `https://a${n}.evil.example/x`);
    expect(first).toHaveLength(16);
    expect([taken((n) => `https://b${n}.worse.example`).length, taken((n) => `https://203.0.113.7:${n + 1}`).length, taken(() => 'no URL').length]).toEqual([
      8, 4, 2,
    ]);
    expect(['org', 'net', 'com'].map((top) => slots.take(`https://agent.${top}`) !== undefined)).toEqual([true, true, false]);
    const [free] = first;
    free?.();
    free?.();
    expect([slots.take('https://agent.com') !== undefined, slots.take('https://agent.com')]).toEqual([true, undefined]);
    const resolved = searchSlots(32, false);
    expect(Array.from({ length: 64 }, () => resolved.take('https://one.example')).filter(Boolean)).toHaveLength(32);
  });

  it('so whoever stands elsewhere is admitted while a domain lets them all hang', async () => {
    const clock = { now: () => START, milliseconds: () => 0 };
    const federation = new JoseFederation(clock.now);
    const anchor = await federation.superior(ANCHOR);
    federation.enroll(anchor, await federation.entity(AGENT, { oauth_client: { scope: 'read' } }, [ANCHOR]));
    const network = joseNetwork(federation);
    let hanging = 0;
    const outbound: Outbound = {
      ...network,
      get: (request) => (request.url.includes('evil') ? new Promise(() => void hanging++) : network.get(request)),
    };
    const party = relyingPartyOver({ anchors: federation.anchors(anchor) as Record<string, JwkSet> }, { outbound, clock });
    const admit = (entity: string) => party.admit(entity, { requires: { entityType: 'oauth_client' } });
    const strangers = Array.from({ length: 64 }, (_, n) => admit(`https://a${n}.evil.test/x`));
    const refused = await Promise.race(strangers.slice(20));
    expect(refused).toMatchObject({ admitted: false, reason: 'unavailable', findings: [{ code: 'budget_exceeded' }] });
    expect(await admit(AGENT)).toMatchObject({ admitted: true });
    expect(hanging).toBe(16);
  });
});

describe('status lists that are kept', () => {
  it('go by the sum of their bytes, those first that were not asked for longest', async () => {
    const clock = { now: () => START, milliseconds: () => 0 };
    const federation = new JoseFederation(clock.now);
    const anchor = await federation.superior(ANCHOR);
    const jwks = { keys: [anchor.key.jwk] } as unknown as JwkSet;
    const asked: string[] = [];
    const get: Outbound['get'] = async ({ url }) => {
      asked.push(url);
      return { ok: true, value: { url, body: await federation.list(anchor, { sub: url }) } };
    };
    const one = (await federation.list(anchor, { sub: 'https://l/0' })).length + 250;
    const lists = statusLists({ outbound: { get, post: get } as Outbound, mode: cached(15), clock, maxBytes: 3.5 * one });
    for (const n of [0, 1, 2, 0, 1, 2]) expect((await lists(`https://l/${n}`, jwks)).state).toBe('known');
    expect(asked).toHaveLength(3);
    for (const n of [0, 3, 0, 2]) expect((await lists(`https://l/${n}`, jwks)).state).toBe('known');
    expect(asked.slice(3), 'the fourth took the place of the one that was not asked for longest').toEqual(['https://l/3']);
    expect((await lists('https://l/1', jwks)).state).toBe('known');
    expect(asked.slice(4)).toEqual(['https://l/1']);
    const none = statusLists({ outbound: { get, post: get } as Outbound, mode: cached(15), clock, maxBytes: 10 });
    expect([(await none('https://l/0', jwks)).state, (await none('https://l/0', jwks)).state], 'one that is too large by itself serves who asked').toEqual([
      'known',
      'known',
    ]);
  });

  it('and a map counts what it holds', () => {
    const map = new BoundedMap<string, number>(3, 10);
    for (const [n, name] of ['a', 'b', 'c'].entries()) map.set(name, n);
    for (const name of ['a', 'b', 'c', 'gone']) map.weigh(name, 3);
    expect([map.size, map.weight]).toEqual([3, 9]);
    map.weigh('c', 5);
    expect([map.get('a'), map.get('c'), map.weight]).toEqual([undefined, 2, 8]);
    map.delete('c');
    map.set('d', 4);
    map.weigh('d', 99);
    expect([map.size, map.weight], 'all were older, and it is too heavy').toEqual([0, 0]);
  });
});
