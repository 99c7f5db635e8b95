import { describe, expect, it } from 'vitest';
import { createBudget } from '../../src/outbound/evaluation-budget.js';
import { limits } from '../../src/federation/entry.js';
import { NOW } from '../support/chain.js';
import { Graph, type GraphOptions, id, paths } from '../support/graph.js';

const NAMED = ['leaf', 'a', 'b', 'c', 'ta', 'tb'];
const graph = (hints: Readonly<Record<string, readonly string[]>>, options?: GraphOptions) => Graph.of(hints, options, NAMED);
const numbered = (prefix: string, n: number): string[] => Array.from({ length: n }, (_, k) => `${prefix}${k}`);
const codesOf = (steps: readonly { readonly findings: readonly { readonly code: string }[] }[]) =>
  steps.flatMap(({ findings }) => findings.map(({ code }) => code));
/** The graph of every name, made up as it is asked for. */
const endless = (superiors: (name: string) => readonly string[], known: Record<string, readonly string[]> = {}) =>
  new Proxy(known, { get: (own, name: string) => own[name] ?? superiors(name) });

describe('walking upwards', () => {
  it('TC-04: collects configurations and statements up to a configured anchor', async () => {
    const g = await graph({ leaf: ['a'], a: ['ta'], ta: [] });
    expect(paths(await g.walk('leaf', ['ta']))).toEqual(['leaf a ta ta']);
    expect(g.asked).toEqual(['leaf', 'a', 'a>leaf', 'ta', 'ta>a']);
  });
  it('TC-03: the anchor itself', async () => expect(paths(await (await graph({ ta: [] })).walk('ta', ['ta']))).toEqual(['ta']));
  it('TC-04: paths to anchors nobody pinned are no chains', async () =>
    expect(paths(await (await graph({ leaf: ['a'], a: ['ta'], ta: [] })).walk('leaf', ['tb']))).toEqual([]));
  it('TC-05: loops and entities that name themselves are not followed; a diamond fetches each thing once', async () => {
    expect(paths(await (await graph({ leaf: ['a'], a: ['b', 'a'], b: ['a', 'ta'], ta: [] })).walk('leaf', ['ta']))).toEqual(['leaf a b ta ta']);
    const diamond = await graph({ leaf: ['a', 'b'], a: ['c'], b: ['c'], c: ['ta'], ta: [] });
    expect([...paths(await diamond.walk('leaf', ['ta']))].sort()).toEqual(['leaf a c ta ta', 'leaf b c ta ta']);
    expect(new Set(diamond.asked).size).toBe(diamond.asked.length);
  });
  it('TC-06: an anchor with superiors ends a chain and leads to more', async () => {
    const g = await graph({ leaf: ['a'], a: ['ta'], ta: ['tb'], tb: [] });
    expect(paths(await g.walk('leaf', ['ta', 'tb']))).toEqual(['leaf a ta ta', 'leaf a ta tb tb']);
  });
  it('SE-01: of more superiors than are looked at, the anchors are, wherever they are named', async () => {
    const g = await graph({ leaf: [...numbered('other', 20), 'tb', 'ta'], ta: [], tb: [] });
    expect([...paths(await g.walk('leaf', ['ta', 'tb']))].sort()).toEqual(['leaf ta ta', 'leaf tb tb']);
    expect(new Set(g.asked.filter((what) => what.startsWith('other') && !what.includes('>'))).size).toBe(limits.MAX_AUTHORITY_HINTS - 2);
  });
  it('TC-14: the shortest chain comes first, then the one that lives longest, then byte order, whatever the order of the hints', async () => {
    const long = await graph({ leaf: ['a', 'b'], a: ['c'], c: ['ta'], b: ['ta'], ta: [] });
    expect(paths(await long.walk('leaf', ['ta']))).toEqual(['leaf b ta ta', 'leaf a c ta ta']);
    const life = await graph({ leaf: ['a', 'b'], a: ['ta'], b: ['ta'], ta: [] }, { statement: (superior) => (superior === 'a' ? { exp: NOW + 50 } : {}) });
    expect(paths(await life.walk('leaf', ['ta']))).toEqual(['leaf b ta ta', 'leaf a ta ta']);
    for (const hints of [
      ['b', 'a'],
      ['a', 'b'],
    ])
      expect(paths(await (await graph({ leaf: hints, a: ['ta'], b: ['ta'], ta: [] })).walk('leaf', ['ta']))).toEqual(['leaf a ta ta', 'leaf b ta ta']);
  });
  it('MD-08: the fetch endpoint is read from the own configuration, before any superior’s metadata', async () => {
    const elsewhere = { metadata: { federation_entity: { federation_fetch_endpoint: 'https://evil.example/fetch' } } };
    const g = await graph({ leaf: ['a'], a: ['ta'], ta: [] }, { statement: (_superior, subject) => (subject === 'a' ? elsewhere : {}) });
    expect(paths(await g.walk('leaf', ['ta']))).toEqual(['leaf a ta ta']);
  });
  it('a superior that states nothing, something else, or has no endpoint: a step with its finding, no chain', async () => {
    const codes = async (more: GraphOptions) => codesOf((await (await graph({ leaf: ['ta'], ta: [] }, more)).walk('leaf', ['ta'])).steps);
    expect(await codes({ statement: () => 'gone' })).toEqual(['status_unexpected']);
    expect(await codes({ statement: () => ({ sub: id('other') }) })).toEqual(['subject_mismatch']);
    expect(await codes({ statement: () => ({ iss: id('other') }) })).toEqual(['issuer_mismatch']);
    expect(await codes({ configuration: (name) => (name === 'ta' ? { metadata: { federation_entity: {} } } : {}) })).toEqual(['endpoint_missing']);
    const stranger = await graph({ b: [] });
    expect(await codes({ configuration: (name) => (name === 'ta' ? { jwks: stranger.jwks('b') } : {}) })).toEqual([
      'signature_key_unknown',
      'signature_key_unknown',
    ]);
  });
  it('TC-16: a failure that may pass is marked transient, and a later walk succeeds', async () => {
    const hints: Record<string, readonly string[]> = { leaf: ['ta'] };
    const g = await graph(hints);
    const failed = await g.walk('leaf', ['ta']);
    expect([failed.chains.length, failed.steps.at(-1)?.findings[0]?.transient]).toEqual([0, true]);
    hints['ta'] = [];
    expect(paths(await g.walk('leaf', ['ta']))).toEqual(['leaf ta ta']);
  });
});

describe('SE-01 §18.1: whatever graph a stranger makes, a walk ends inside its budget', () => {
  it('at most 16 hints of an entity are looked at; more of them are no fault', async () => {
    for (const n of [15, 16, 17, 40]) {
      const g = await graph(endless(() => [], { leaf: numbered('s', n) }));
      await g.walk('leaf', ['ta']);
      expect(g.asked.filter((one) => !one.includes('>'))).toHaveLength(1 + Math.min(n, limits.MAX_AUTHORITY_HINTS));
    }
  });
  it('a fan of 16 at every level ends inside the budget, and says so', async () => {
    const g = await graph(endless((name) => Array.from({ length: 16 }, (_, n) => `${name}x${n.toString(16)}`)));
    const { chains, steps } = await g.walk('l', ['ta']);
    expect(chains).toEqual([]);
    expect(g.asked.length).toBeLessThanOrEqual(200);
    expect(steps.length).toBeLessThan(1000);
    expect(codesOf(steps)).toContain('budget_exceeded');
  });
  it('a chain of 1 000 superiors ends at the depth limit', async () => {
    const g = await graph(endless((name) => [`d${Number(name.slice(1)) + 1}`]));
    expect((await g.walk('d0', ['d1000'])).chains).toEqual([]);
    expect(g.asked.length).toBeLessThan(30);
  });
  it.each([
    ['a complete graph of 14', Object.fromEntries(numbered('k', 14).map((name, _, all) => [name, all.filter((other) => other !== name)])), 'k0', 'k13'],
    [
      'a lattice of 4 × 9',
      {
        ...Object.fromEntries(numbered('', 9).flatMap((level) => numbered('', 4).map((n) => [`l${level}n${n}`, numbered(`l${Number(level) + 1}n`, 4)]))),
        ...Object.fromEntries(numbered('l9n', 4).map((name) => [name, ['ta']])),
        ta: [],
      },
      'l0n0',
      'ta',
    ],
  ])('%s: the chains are found, few paths are taken, and the event loop is let go', async (_what, hints, subject, anchor) => {
    const g = await graph(hints);
    let taken = 0;
    const real = createBudget();
    const budget: typeof real = {
      ...real,
      get fetches() {
        return real.fetches;
      },
      take: (what) => {
        taken++;
        return real.take(what);
      },
    };
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const { chains } = await g.walk(subject, [anchor], { budget });
    clearInterval(timer);
    expect(chains.length).toBeGreaterThan(0);
    expect(chains.length).toBeLessThanOrEqual(16);
    expect(taken).toBeLessThanOrEqual(1000 + 64 + 2);
    expect(turns).toBeGreaterThan(2);
    expect(new Set(g.asked).size).toBe(g.asked.length);
  });
  it('anchors inside a complete graph: candidates to each are bounded, and so is what is kept', async () => {
    const names = numbered('k', 14);
    const g = await graph(Object.fromEntries(names.map((name) => [name, names.filter((other) => other !== name)])));
    const { chains } = await g.walk('k0', names.slice(1));
    for (const anchor of names.slice(1)) expect(chains.filter(({ trustAnchor }) => trustAnchor === id(anchor)).length).toBeLessThanOrEqual(16);
    expect(chains.length).toBeLessThanOrEqual(64);
    expect(chains.length).toBeGreaterThan(13);
  });
  it('a superior whose own superiors fan out takes nothing from the others, however deep they lead', async () => {
    const deep = { leaf: ['evil', 'd0'], ...Object.fromEntries(numbered('', 8).map((n) => [`d${n}`, [`d${Number(n) + 1}`]])), d8: ['ta'], ta: [] };
    for (const hints of [deep.leaf, [...deep.leaf].reverse()]) {
      const g = await graph(
        endless((name) => (name.startsWith('evil') ? Array.from({ length: 16 }, (_, n) => `${name}x${n.toString(16)}`) : []), { ...deep, leaf: hints }),
      );
      expect(paths(await g.walk('leaf', ['ta']))).toEqual(['leaf d0 d1 d2 d3 d4 d5 d6 d7 d8 ta ta']);
      expect(g.asked.length).toBeLessThanOrEqual(200);
    }
  });
  it('a superior that never answers holds up itself only: what the others lead to is found in the time there is', async () => {
    let time = 0;
    let release: () => void = () => undefined;
    const g = await graph(
      { leaf: ['slow', 'a'], slow: ['ta'], a: ['b'], b: ['c'], c: ['ta'], ta: [] },
      {
        before: (what) =>
          what === 'slow'
            ? new Promise<void>((done) => {
                release = done;
              })
            : undefined,
      },
    );
    const walked = g.walk('leaf', ['ta'], { budget: createBudget(() => time) });
    // Everything but the slow one goes on; then the time is over, and its answer comes too late to be followed.
    await expect.poll(() => g.asked.includes('ta>c'), { timeout: 20_000 }).toBe(true);
    time = 16_000;
    release();
    const { chains, steps } = await walked;
    expect(chains.map(({ statements }) => statements.length)).toEqual([6]);
    expect(
      steps
        .flatMap(({ findings }) => findings)
        .filter(({ code }) => code === 'budget_exceeded')
        .every(({ transient }) => transient),
    ).toBe(true);
  });
  it('TC-13: within a walk each signature is checked once, however many chains a statement is part of', async () => {
    const g = await graph({ leaf: ['a', 'b'], a: ['c'], b: ['c'], c: ['ta', 'tb'], ta: [], tb: [] });
    const signatures = new Map<string, Promise<boolean>>();
    let checks = 0;
    const counting = {
      get: (key: string) => signatures.get(key),
      set: (key: string, value: Promise<boolean>) => {
        if (!signatures.has(key)) checks++;
        return signatures.set(key, value);
      },
    };
    const keys = new Map<string, Promise<never>>();
    const { chains } = await g.walk('leaf', ['ta', 'tb'], {
      keyCache: { get: (key) => keys.get(key), set: (key, value) => void keys.set(key, value as Promise<never>), signatures: counting as never },
    });
    expect(chains).toHaveLength(4);
    expect(checks).toBe(signatures.size);
    expect(checks).toBe(g.asked.length);
  });
});
