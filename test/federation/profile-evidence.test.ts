import { expect, it } from 'vitest';
import { superiorConfigurations } from '../../src/resolver/profile-evidence.js';
import { NOW } from '../support/chain.js';
import { Graph, id } from '../support/graph.js';

const asks = { rules: [{ check: { kind: 'superiors_are_intermediates' } }] } as never;
const other = { rules: [{ check: { kind: 'other' } }] } as never;

it('superiors are read when a rule asks for them: four at most, each verified; what cannot be read is left out', async () => {
  const g = await Graph.of({ a: [], b: [], d: [], e: [] }, { configuration: (name) => (name === 'd' ? { exp: NOW - 100 } : {}) });
  const read = async (profiles: readonly never[], hints: readonly string[] | undefined) => {
    g.asked.length = 0;
    const claims = { ...(hints && { authority_hints: hints.map(id) }) };
    const found = await superiorConfigurations({ claims } as never, profiles, { source: g.source, now: NOW, development: false });
    return [found.map((one) => one.claims.iss), [...g.asked]];
  };
  const hints = ['a', 'gone', 'd', 'b', 'e'];
  expect(await read([other, asks], hints)).toEqual([['a', 'b'].map(id), hints.slice(0, 4)]);
  expect(await read([other], hints)).toEqual([[], []]);
  expect(await read([], hints)).toEqual([[], []]);
  expect(await read([asks], undefined)).toEqual([[], []]);
});
