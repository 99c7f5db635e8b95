import { describe, expect, it } from 'vitest';
import { createBudget } from '../../src/outbound/evaluation-budget.js';
import { createStatementCache } from '../../src/resolver/cached-source.js';
import { withLocation } from '../../src/resolver/ec-location.js';
import type { EvaluateOptions } from '../../src/resolver/evaluate.js';
import { statedBy } from '../../src/resolver/stated-by.js';
import { NOW } from '../support/chain.js';
import { Graph, type GraphOptions, id } from '../support/graph.js';

const TYPE = 'https://type.example/m';
const STATUS = { federation_trust_mark_status_endpoint: `${id('marker')}/status` };
type Hints = Readonly<Record<string, readonly string[]>>;
const NAMED = ['leaf', 'other', 'a', 'ta', 'marker'];

/** A federation whose superiors' configurations a cache has, from the evaluation of somebody else a moment ago. */
async function warm(hints: Hints, options: GraphOptions = {}, warmed = 'other') {
  const g = await Graph.of({ other: hints['leaf'] ?? [], ...hints }, options, NAMED);
  const cache = createStatementCache(() => NOW);
  const before = g.jwks('ta').keys;
  const evaluate = async (subject: string, more: Partial<EvaluateOptions> = {}) => {
    const anchors = { [id('ta')]: { keys: [...before, ...g.jwks('ta').keys.filter((key) => !before.includes(key))] } };
    g.asked.length = 0;
    return g.evaluate(subject, [], { anchors, source: cache.over(g.source, id(subject)), ...more });
  };
  const under = async (subject: string, more: Partial<EvaluateOptions> = {}) => (await evaluate(subject, more)).under.get(id('ta'));
  expect((await under(warmed))?.state).toBe('valid');
  const times = (what: string) => g.asked.filter((one) => one === what).length;
  return { g, cache, under, times };
}

describe('§11.3: a superior’s keys change within the minute for which a cache has its configuration', () => {
  it('an anchor, both of whose keys are pinned: valid at once, for one more question', async () => {
    const { g, under, times } = await warm({ leaf: ['a'], a: ['ta'], ta: [] });
    expect((await under('leaf'))?.state).toBe('valid');
    expect([times('ta'), times('a')], 'as long as nothing changes the cache answers').toEqual([0, 0]);
    await g.rekey('ta');
    expect((await under('leaf'))?.state).toBe('valid');
    expect([times('ta'), times('a')]).toEqual([1, 0]);
    expect((await under('leaf'))?.state).toBe('valid');
    expect(times('ta'), 'what is new is kept').toBe(0);
  });
  it('the new configuration cannot be had now: no verdict', async () => {
    let down = false;
    const { g, under } = await warm({ leaf: ['ta'], ta: [] }, { configuration: (name) => (down && name === 'ta' ? 'down' : {}) });
    await g.rekey('ta');
    down = true;
    expect((await under('leaf'))?.state).toBe('unreachable');
  });
  it.each([0, 1])('it is paid for by the evaluation: with %i fetches left beside the two that are needed', async (left) => {
    const { g, under, times } = await warm({ leaf: ['ta'], ta: [] });
    await g.rekey('ta');
    // The subject, the anchor's configuration and its statement; what the cache gives is paid for too.
    const found = await under('leaf', { budget: createBudget(() => 0, { fetches: 3 + left }) });
    expect(found?.state).toBe(left ? 'valid' : 'invalid');
    expect(times('ta')).toBe(left);
  });
  it('a stranger’s forged statements cost the anchor one question, however many ways lead there', async () => {
    const ways = Array.from({ length: 6 }, (_, n) => `w${n}`);
    const hints: Hints = { leaf: ways, ta: [], other: ['ta'], ...Object.fromEntries(ways.map((one) => [one, ['ta']])) };
    const [real, stranger] = [await warm(hints), await Graph.of(hints, {}, NAMED)];
    // Everything but the anchor's configuration is signed by somebody who has none of its keys.
    const source = { configuration: real.g.source.configuration, statement: stranger.source.statement };
    expect((await real.under('leaf', { source: real.cache.over(source, id('leaf')) }))?.state).toBe('invalid');
    expect(real.times('ta')).toBe(1);
  });
  it('KR-06: an answer on record is not denied by what a cache has', async () => {
    let down = false;
    const hints = { leaf: ['ta'], ta: [] };
    const { g, under, cache } = await warm(hints, { configuration: (name) => (down && name === 'leaf' ? 'down' : {}) });
    const { chains } = await g.walk('leaf', ['ta']);
    const kept = new Map([[id('ta'), chains[0]?.statements.map(({ compact }) => compact) ?? []]]);
    await g.rekey('ta');
    down = true;
    expect(await under('leaf', { kept })).toMatchObject({ state: 'unreachable', denied: false });
    expect(cache.size.entries).toBe(1);
  });
  it('the issuer of a mark: the mark holds, and another key’s still falls', async () => {
    const marks: { trust_mark_type: string; trust_mark: string }[] = [];
    const hints = { leaf: ['ta'], marker: ['ta'], ta: [] };
    const options: GraphOptions = {
      configuration: (name) => (name === 'leaf' || name === 'other' ? { trust_marks: marks } : name === 'ta' ? { trust_mark_issuers: { [TYPE]: [] } } : {}),
    };
    const { g, under, times } = await warm(hints, options);
    const mark = async (signer: string) =>
      marks.splice(0, 1, {
        trust_mark_type: TYPE,
        trust_mark: await g.sign(signer, { iss: id('marker'), sub: id('leaf'), trust_mark_type: TYPE, exp: NOW + 500 }, { typ: 'trust-mark+jwt' }),
      });
    const codes = async () => {
      const found = await under('leaf');
      return found?.state === 'valid' ? found.marks.map(({ findings }) => findings.map(({ code }) => code).join()) : found?.state;
    };
    await mark('marker');
    expect(await codes()).toEqual(['']);
    expect(times('marker'), 'its configuration is in the cache from here on').toBe(1);
    await mark('a');
    expect(await codes()).toEqual(['signature_key_unknown']);
    expect(times('marker')).toBe(1);
    await g.rekey('marker');
    await mark('marker');
    expect(await codes()).toEqual(['']);
    expect(times('marker')).toBe(1);
  });
  it('the answer about a mark’s status is by the new key: it is asked again with that one', async () => {
    const marks: { trust_mark_type: string; trust_mark: string }[] = [];
    const { g, under } = await warm(
      { leaf: ['ta'], marker: ['ta'], ta: [] },
      {
        configuration: (name) =>
          ({ leaf: { trust_marks: marks }, ta: { trust_mark_issuers: { [TYPE]: [] } }, marker: { metadata: { federation_entity: STATUS } } })[name] ?? {},
      },
    );
    const old = g.key('marker');
    const trust_mark = await g.sign('marker', { iss: id('marker'), sub: id('leaf'), trust_mark_type: TYPE, exp: NOW + 500 }, { typ: 'trust-mark+jwt' });
    marks.push({ trust_mark_type: TYPE, trust_mark });
    const asked: string[][] = [];
    const active: EvaluateOptions['active'] = async ({ jwks }) => {
      asked.push(jwks.keys.map(({ kid }) => kid));
      const known = jwks.keys.some(({ kid }) => kid === g.key('marker').kid);
      const where = 'status signature';
      return known
        ? { ok: true, value: true }
        : { ok: false, findings: [{ code: 'signature_key_unknown', where, clause: '', detail: '', fix: '', transient: false }] };
    };
    const holds = async () => {
      const found = await under('leaf', { active });
      return found?.state === 'valid' && found.marks[0]?.findings.length === 0;
    };
    expect(await holds()).toBe(true);
    await g.rekey('marker');
    const both = { keys: [old.jwk, g.key('marker').jwk] };
    g.jwks = (name) => (name === 'marker' ? both : { keys: [g.key(name).jwk] });
    asked.length = 0;
    expect(await holds()).toBe(true);
    expect(asked).toEqual([[old.kid], [old.kid, g.key('marker').kid]]);
  });
});

describe('what a superior states (§8.1), verified with its keys of today', () => {
  const state = async (rekeyed: boolean, located = false) => {
    const g = await Graph.of({ leaf: ['a'], a: ['ta'], ta: [] }, {}, NAMED);
    const cache = createStatementCache(() => NOW);
    await cache.over(g.source, '').configuration(id('a'));
    if (rekeyed) await g.rekey('a');
    g.asked.length = 0;
    const over = cache.over(g.source, id('leaf'));
    const budget = createBudget(() => 0);
    const options = { now: NOW, development: false, read: budget.read };
    const door = { get: () => Promise.reject(new Error('closed')), post: () => Promise.reject(new Error('closed')) };
    const source = located ? withLocation(over, door, { subject: id('leaf'), superiors: [], now: NOW, development: false, budget }) : over;
    const result = await statedBy(source, id('a'), id('leaf'), options);
    return [result.ok, g.asked];
  };
  it('its configuration is asked for past the cache, once, only where its keys do not verify', async () => {
    expect(await state(false)).toEqual([true, ['a>leaf']]);
    expect(await state(true)).toEqual([true, ['a>leaf', 'a']]);
    expect(await state(true, true)).toEqual([true, ['a>leaf', 'a']]);
  });
  it('without a cache nobody is asked twice, and a failure is told', async () => {
    const g = await Graph.of({ leaf: ['a'], a: [] }, {}, NAMED);
    const other = await Graph.of({ leaf: ['a'], a: [] }, {}, NAMED);
    const result = await statedBy({ configuration: g.source.configuration, statement: other.source.statement }, id('a'), id('leaf'), {
      now: NOW,
      development: false,
    });
    expect(result).toMatchObject({ ok: false, findings: [{ code: 'signature_key_unknown' }] });
    expect(g.asked).toEqual(['a']);
  });
});
