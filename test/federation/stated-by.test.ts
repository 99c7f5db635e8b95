import { expect, it } from 'vitest';
import type { StatementSource } from '../../src/resolver/source.js';
import { statedBy } from '../../src/resolver/stated-by.js';
import { NOW } from '../support/chain.js';
import { Graph, type GraphOptions, id } from '../support/graph.js';

/** §8.1, §3.2: what a says about the leaf, and what that took. */
async function state(options: GraphOptions = {}, more: (g: Graph) => Partial<StatementSource> = () => ({}), development = false) {
  const g = await Graph.of({ leaf: ['a'], a: ['ta'] }, options, ['leaf', 'a']);
  const result = await statedBy({ ...g.source, ...more(g) }, id('a'), id('leaf'), { now: NOW, development });
  return { told: result.ok ? result.value.claims.sub : result.findings.map(({ code, where }) => [code, where]), asked: g.asked };
}

it('a statement that its keys verify is given', async () => expect(await state()).toEqual({ told: id('leaf'), asked: ['a', 'a>leaf'] }));
it('a configuration that cannot be had, or is none of its own, ends it: nothing more is asked', async () => {
  expect(await state({ configuration: () => 'gone' })).toEqual({ told: [['status_unexpected', id('a')]], asked: ['a'] });
  expect(await state({ configuration: () => ({ exp: NOW - 1000 }) })).toMatchObject({ told: [['expired', expect.anything()]], asked: ['a'] });
  expect((await state({ configuration: () => ({ iss: id('b'), sub: id('b') }) })).asked).toEqual(['a']);
});
it.each([[{}], [{ metadata: { oauth_client: {} } }]])('a configuration without a fetch endpoint: %j', async (claims) => {
  const found = await state({ configuration: () => ({ metadata: { federation_entity: {} }, ...claims }) });
  expect(found).toEqual({ told: [['endpoint_missing', id('a')]], asked: ['a'] });
});
it('a refusal to state it is told as it came', async () =>
  expect((await state({ statement: () => 'gone' })).told).toEqual([['status_unexpected', `${id('a')}/ask`]]));
it('a statement that has ended, or is about somebody else, is none', async () => {
  expect((await state({ statement: () => ({ exp: NOW - 1000 }) })).told).toEqual([['expired', expect.anything()]]);
  expect((await state({ statement: () => ({ sub: id('other') }) })).told).not.toBe(id('other'));
});
it('a statement of somebody else, signed with the right key though it be, is none', async () =>
  expect((await state({ statement: () => ({ iss: id('b') }) })).told).toEqual([['issuer_mismatch', id('a')]]));
it('the subject’s own configuration is none, although the issuer signed it', async () =>
  expect(
    (
      await state({}, (g) => ({
        statement: async () => ({ ok: true, value: await g.sign('a', { iss: id('leaf'), sub: id('leaf'), jwks: g.jwks('leaf') }) }),
      }))
    ).told,
  ).toEqual([['issuer_mismatch', id('a')]]));
it('a signature that fails asks past the cache only where a cache gave the keys, and only for a signature', async () => {
  const forged = (g: Graph) => ({
    statement: async () => ({ ok: true as const, value: await g.sign('leaf', { iss: id('a'), sub: id('leaf'), jwks: g.jwks('leaf') }) }),
  });
  const code = [['signature_key_unknown', expect.anything()]];
  expect(await state({}, forged)).toMatchObject({ told: code, asked: ['a'] });
  expect(await state({}, (g) => ({ ...forged(g), fromCache: () => false }))).toMatchObject({ told: code, asked: ['a'] });
  expect(await state({}, (g) => ({ ...forged(g), fromCache: () => true }))).toMatchObject({ told: code, asked: ['a', 'a'] });
  expect(await state({}, () => ({ fromCache: () => true }))).toEqual({ told: id('leaf'), asked: ['a', 'a>leaf'] });
});
it('a configuration that cannot be had anew is told', async () => {
  let times = 0;
  const found = await state({ configuration: () => (times++ ? 'down' : {}) }, (g) => ({
    fromCache: () => true,
    statement: async () => ({ ok: true, value: await g.sign('leaf', { iss: id('a'), sub: id('leaf'), jwks: g.jwks('leaf') }) }),
  }));
  expect(found).toEqual({ told: [['fetch_failed', id('a')]], asked: ['a', 'a'] });
});
