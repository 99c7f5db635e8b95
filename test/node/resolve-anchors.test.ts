import { expect, it } from 'vitest';
import { type Resolver, verdicts } from '../../src/cli/resolve-anchors.js';
import type { Walk } from '../../src/rp/entry.node.js';

const [MAIN, INTER, OTHER] = ['https://main.example.org', 'https://inter.example.org', 'https://other.example.org'];
const KEYS = { keys: [] };
const fault = { code: 'signed_by_unknown_key', where: INTER, clause: '§10.2', detail: 'd', fix: 'f' };
const walk = (chains: object[], findings: object[] = []): Walk =>
  ({
    chains,
    steps: [{ what: 'fetch', of: [INTER], findings }],
    configuration: undefined,
    superiors: new Map([[INTER, [MAIN]]]),
  }) as unknown as Walk;

it('a chain to one anchor hides nothing about another: the broken one is told with its reason, an unrelated one is no fault', async () => {
  const own = { trustAnchor: INTER, statements: [{}], exp: 10 };
  const asked: string[][] = [];
  const resolver: Resolver = (_subject, anchors) => {
    asked.push(Object.keys(anchors));
    return Promise.resolve(walk([], [fault]));
  };
  const all = await verdicts(INTER, { [INTER]: KEYS, [MAIN]: KEYS, [OTHER]: KEYS }, walk([own]), resolver);
  expect(all.map(({ trust_anchor, state }) => [trust_anchor, state])).toEqual([
    [INTER, 'valid'],
    [MAIN, 'invalid'],
    [OTHER, 'elsewhere'],
  ]);
  expect(all[1]?.findings).toMatchObject([{ code: 'signed_by_unknown_key' }]);
  expect(asked, 'each that gave none is asked alone').toEqual([[MAIN], [OTHER]]);
});

it('an anchor that the first walk stopped below is valid when asked alone', async () => {
  const [short, long] = [
    { trustAnchor: INTER, statements: [{}], exp: 10 },
    { trustAnchor: MAIN, statements: [{}, {}], exp: 5 },
  ];
  const all = await verdicts(INTER, { [INTER]: KEYS, [MAIN]: KEYS }, walk([short]), () => Promise.resolve(walk([long])));
  expect(all[1]).toMatchObject({ trust_anchor: MAIN, state: 'valid', statements: 2, exp: 5 });
});
