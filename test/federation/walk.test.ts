import { beforeAll, describe, expect, it } from 'vitest';
import type { JwkSet } from '../../src/federation/entry.js';
import type { StatementSource } from '../../src/resolver/source.js';
import { MAX_ENTITIES_PER_WALK, walk } from '../../src/resolver/walk.js';
import { NOW } from '../support/chain.js';
import { type TestKey, testKey } from '../support/keys.js';

const id = (name: string) => `https://${name}.example`;
const keys = new Map<string, TestKey>();
let spare: TestKey;
beforeAll(async () => {
  spare = await testKey();
  for (const name of ['leaf', 'a', 'b', 'c', 'ta', 'tb']) keys.set(name, await testKey());
});
const keyOf = (name: string) => keys.get(name) ?? spare;
const jwks = (name: string): JwkSet => ({ keys: [keyOf(name).jwk] });

/** A federation as a graph: who names whom as superior. Every superior states what it is asked for, unless told otherwise. */
function graph(
  hints: Record<string, readonly string[]>,
  { statement, configuration }: { statement?: (superior: string, subject: string) => object | undefined; configuration?: (name: string) => object } = {},
) {
  const asked: string[] = [];
  const nameOf = (entityId: string) => entityId.slice(8, -8);
  const source: StatementSource = {
    async configuration(entityId) {
      asked.push(nameOf(entityId));
      const name = nameOf(entityId);
      const superiors = hints[name];
      if (!superiors) return { ok: false, findings: [{ code: 'fetch_failed', where: entityId, clause: '', detail: '', fix: '', transient: true }] };
      const metadata = { federation_entity: { federation_fetch_endpoint: `${entityId}/fetch` } };
      return {
        ok: true,
        value: await keyOf(name).jwt({
          iss: entityId,
          sub: entityId,
          iat: NOW - 10,
          exp: NOW + 100,
          jwks: jwks(name),
          metadata,
          ...(superiors.length && { authority_hints: superiors.map(id) }),
          ...configuration?.(name),
        }),
      };
    },
    async statement({ entityId, fetchEndpoint }, subject) {
      asked.push(`${nameOf(entityId)}>${nameOf(subject)}`);
      expect(fetchEndpoint).toBe(`${entityId}/fetch`);
      const more = statement ? statement(nameOf(entityId), nameOf(subject)) : {};
      if (!more) return { ok: false, findings: [{ code: 'status_unexpected', where: entityId, clause: '', detail: '404', fix: '', transient: false }] };
      return {
        ok: true,
        value: await keyOf(nameOf(entityId)).jwt({ iss: entityId, sub: subject, iat: NOW - 10, exp: NOW + 100, jwks: jwks(nameOf(subject)), ...more }),
      };
    },
  };
  const anchored = (...anchors: string[]) => Object.fromEntries(anchors.map((name) => [id(name), jwks(name)]));
  return { asked, run: (subject: string, ...anchors: string[]) => walk(id(subject), { source, anchors: anchored(...anchors), now: NOW }) };
}
const paths = ({ chains }: Awaited<ReturnType<typeof walk>>) =>
  chains.map(({ statements }) => statements.map(({ claims }) => claims.iss.slice(8, -8)).join(' '));

describe('walking upwards', () => {
  it('TC-04: collects configurations and statements up to a configured anchor', async () => {
    const { run, asked } = graph({ leaf: ['a'], a: ['ta'], ta: [] });
    expect(paths(await run('leaf', 'ta'))).toEqual(['leaf a ta ta']);
    expect(asked).toEqual(['leaf', 'a', 'a>leaf', 'ta', 'ta>a']);
  });
  it('TC-03: the anchor itself', async () => expect(paths(await graph({ ta: [] }).run('ta', 'ta'))).toEqual(['ta']));
  it('TC-04: paths to anchors nobody pinned are no chains', async () =>
    expect(paths(await graph({ leaf: ['a'], a: ['ta'], ta: [] }).run('leaf', 'tb'))).toEqual([]));
  it('TC-05: loops and entities that name themselves are not followed; a diamond fetches each thing once', async () => {
    expect(paths(await graph({ leaf: ['a'], a: ['b', 'a'], b: ['a', 'ta'], ta: [] }).run('leaf', 'ta'))).toEqual(['leaf a b ta ta']);
    const diamond = graph({ leaf: ['a', 'b'], a: ['c'], b: ['c'], c: ['ta'], ta: [] });
    expect(paths(await diamond.run('leaf', 'ta')).sort()).toEqual(['leaf a c ta ta', 'leaf b c ta ta']);
    expect(new Set(diamond.asked).size).toBe(diamond.asked.length);
  });
  it('TC-06 TC-14: an anchor with superiors ends a chain and leads to more; the shortest comes first', async () => {
    const { run } = graph({ leaf: ['a'], a: ['ta'], ta: ['tb'], tb: [] });
    expect(paths(await run('leaf', 'ta', 'tb'))).toEqual(['leaf a ta ta', 'leaf a ta tb tb']);
  });
  it('MD-08: the fetch endpoint is read from the own configuration, before any superior’s metadata', async () => {
    const elsewhere = { metadata: { federation_entity: { federation_fetch_endpoint: 'https://evil.example/fetch' } } };
    expect(
      paths(await graph({ leaf: ['a'], a: ['ta'], ta: [] }, { statement: (_superior, subject) => (subject === 'a' ? elsewhere : {}) }).run('leaf', 'ta')),
    ).toEqual(['leaf a ta ta']);
  });
  it('a superior that states nothing, something else, or has no endpoint: a step with its finding, no chain', async () => {
    const codes = async (more: Parameters<typeof graph>[1]) =>
      (await graph({ leaf: ['ta'], ta: [] }, more).run('leaf', 'ta')).steps.flatMap(({ findings }) => findings.map(({ code }) => code));
    expect(await codes({ statement: () => undefined })).toEqual(['status_unexpected']);
    expect(await codes({ statement: () => ({ sub: id('other') }) })).toEqual(['subject_mismatch']);
    expect(await codes({ statement: () => ({ iss: id('other') }) })).toEqual(['issuer_mismatch']);
    expect(await codes({ configuration: (name) => (name === 'ta' ? { metadata: { federation_entity: {} } } : {}) })).toEqual(['endpoint_missing']);
    expect(await codes({ configuration: (name) => (name === 'ta' ? { jwks: jwks('b') } : {}) })).toEqual(['signature_key_unknown', 'signature_key_unknown']);
  });
  it('TC-16: a failure that may pass is marked transient, and a later walk succeeds', async () => {
    const hints: Record<string, readonly string[]> = { leaf: ['ta'] };
    const { run } = graph(hints);
    const failed = await run('leaf', 'ta');
    expect([failed.chains.length, failed.steps.at(-1)?.findings[0]?.transient]).toEqual([0, true]);
    hints['ta'] = [];
    expect(paths(await run('leaf', 'ta'))).toEqual(['leaf ta ta']);
  });
});

describe('budgets (§18.1)', () => {
  it('SE-01: at most 16 hints of an entity are looked at', async () => {
    const wide = Object.fromEntries([['leaf', Array.from({ length: 16 }, (_, n) => `s${n}`)], ...Array.from({ length: 16 }, (_, n) => [`s${n}`, []])]);
    const { run, asked } = graph(wide);
    await run('leaf', 'ta');
    expect(asked.filter((one) => !one.includes('>'))).toHaveLength(17);
  });
  it('a fan of 16 at every level ends inside the budget, and says so', async () => {
    const many = new Proxy({} as Record<string, readonly string[]>, {
      get: (_target, name: string) => Array.from({ length: 16 }, (_, n) => `${name}x${n.toString(16)}`),
    });
    const { run, asked } = graph(many);
    const { chains, steps } = await run('l', 'ta');
    expect(chains).toEqual([]);
    expect(asked.filter((one) => !one.includes('>')).length).toBeLessThanOrEqual(MAX_ENTITIES_PER_WALK);
    expect(asked.length).toBeLessThanOrEqual(200);
    expect(steps.some(({ findings }) => findings.some(({ code }) => code === 'budget_exceeded'))).toBe(true);
  });
  it('a chain of 1 000 superiors ends at the depth limit', async () => {
    const deep = new Proxy({} as Record<string, readonly string[]>, { get: (_target, name: string) => [`d${Number(name.slice(1)) + 1}`] });
    const { run, asked } = graph(deep);
    expect((await run('d0', 'd1000')).chains).toEqual([]);
    expect(asked.length).toBeLessThan(30);
  });
});
