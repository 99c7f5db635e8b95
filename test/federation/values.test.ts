import { describe, expect, it } from 'vitest';
import { finding, limits } from '../../src/federation/entry.js';
import { quote, within } from '../../src/federation/finding.js';
import { isJson, jsonKey } from '../../src/federation/json-key.js';
import { jsonLength } from '../../src/federation/json-size.js';
import { failures, findingPlace, Findings } from '../../src/federation/places.js';

const nested = (levels: number, inner: unknown = 1): unknown => (levels === 0 ? inner : [nested(levels - 1, inner)]);
const cyclic: Record<string, unknown> = {};
cyclic['a'] = cyclic;
const one = finding('expired', 'exp', 'it expired');
const holes = new Array(3);

describe('a finding', () => {
  it('names the clause of the standard, or the draft it comes from; trying again helps only when it says so', () => {
    expect(one).toEqual({ code: 'expired', where: 'exp', clause: 'OpenID Federation 1.0 §3.2', detail: 'it expired', fix: one.fix, transient: false });
    expect(finding('registration_policy_unmet', '', '').clause).toBe('OpenID Federation Registration Policy draft');
    expect(finding('fetch_failed', '', '', true).transient).toBe(true);
  });
  it('is found within what surrounds it', () =>
    expect(within('ES[1]', [one, finding('chain_broken', '', '')]).map(({ where, code }) => `${code} ${where}`)).toEqual([
      'expired ES[1] exp',
      'chain_broken ES[1]',
    ]));
  it('quotes a stranger on one line: 80 characters, nothing invisible, no quotes', () => {
    expect([79, 80, 81].map((n) => quote('x'.repeat(n)))).toEqual([`"${'x'.repeat(79)}"`, `"${'x'.repeat(80)}"`, `"${'x'.repeat(80)}…"`]);
    expect(quote('é a"\n\u0000\u0085\u202e\u200b\u2028\u2029z')).toBe('"é a????????z"');
  });
  it('quotes what is no text as JSON where that is short, and whatever JavaScript callers pass', () => {
    expect([5, null, undefined, true, 10n, Symbol('s')].map(quote)).toEqual(['"5"', '"null"', '"undefined"', '"true"', '"10"', '"Symbol(s)"']);
    expect([{ a: [1] }, ['x'], cyclic, [cyclic], { a: 1n }, [1n]].map(quote)).toEqual(['"{?a?:[1]}"', '"[?x?]"', '"{…}"', '"[…]"', '"{…}"', '"[…]"']);
    const long = (n: number) => quote(['x'.repeat(n - 4)]);
    expect([199, 200, 201].map(long)).toEqual([`"[?${'x'.repeat(78)}…"`, `"[?${'x'.repeat(78)}…"`, '"[…]"']);
  });
});

describe('the places of findings', () => {
  it('names of strangers are cut after 80 characters and cleaned', () => {
    expect(findingPlace('keys', 3, 'é x')).toBe('keys/3/é x');
    expect([79, 80, 81].map((n) => findingPlace('x'.repeat(n)))).toEqual(['x'.repeat(79), 'x'.repeat(80), `${'x'.repeat(80)}…`]);
    expect(findingPlace('a\n\u0000\u0085\u202e\u2028\u2029b', Symbol('s'))).toBe('a??????b/?');
    expect(findingPlace()).toBe('');
  });
  it('50 findings are kept', () => {
    const kept = (n: number) => {
      const findings = new Findings();
      findings.add(...Array.from({ length: n }, () => one));
      return [findings.all.length, findings.full];
    };
    expect([0, 1, 49, 50, 51].map(kept)).toEqual([
      [0, false],
      [1, false],
      [49, false],
      [50, true],
      [50, true],
    ]);
    const failed = (n: number) => failures(Array.from({ length: n }, () => one)).findings.length;
    expect([49, limits.MAX_FINDINGS, 51].map(failed)).toEqual([49, 50, 50]);
  });
});

describe('what is JSON', () => {
  it.each([[null], [true], [0], [-1.5], [''], [[]], [{}], [[1, { a: [null, 'x', false] }]], [{ a: undefined }], [nested(32)], [nested(31, {})]])(
    '%j is',
    (value) => {
      expect(isJson(value)).toBe(true);
      expect(jsonKey(value)).not.toBe(undefined);
    },
  );
  it.each([
    ['nothing', undefined],
    ['no number', Number.NaN],
    ['no number that can be written', Number.POSITIVE_INFINITY],
    ['a bigint', 1n],
    ['a symbol', Symbol('s')],
    ['a function', () => 1],
    ['an element that is nothing', [undefined]],
    ['a function inside', { a: [() => 1] }],
    ['33 levels', nested(33)],
    ['33 levels, the last one empty', nested(33, [])],
    ['33 levels of objects', nested(32, { a: { b: 1 } })],
    ['a circle', cyclic],
  ])('%s is not', (_what, value) => {
    expect(isJson(value)).toBe(false);
    expect(jsonKey(value)).toBe(undefined);
  });
  it('what would change the prototype of a copy is none', () => {
    expect(isJson(JSON.parse('{"__proto__":1}'))).toBe(false);
    expect(isJson([JSON.parse('{"a":{"__proto__":1}}')])).toBe(false);
  });
  it('holes are counted without being walked: with what is around them a million values, and no more', () => {
    const holes = (n: number) => {
      const list: unknown[] = [];
      list.length = n;
      return list;
    };
    expect([999_998, 999_999, 1_000_000, 2 ** 32 - 1].map((n) => isJson(holes(n)))).toEqual([true, true, false, false]);
    expect([999_998, 999_999].map((n) => isJson([holes(n)]))).toEqual([true, false]);
  });
});

describe('the text that equal values share', () => {
  it.each<[unknown, unknown]>([
    [
      { a: 1, b: [2] },
      { b: [2], a: 1 },
    ],
    [{ a: 1, b: undefined }, { a: 1 }],
    [-0, 0],
    [1.0, 1],
  ])('%j and %j', (a, b) => expect(jsonKey(a)).toBe(jsonKey(b)));
  it('different ones share none', () => {
    const values = [
      ...['1', 1, '"1"', 'true', true, false, 'null', null, '', [], {}, '[]', '{}', ['1'], [1], [1, 2], [2, 1], ['1,2'], [[1], 2], [[1, 2]]],
      ...[{ a: 1 }, { a: '1' }, { b: 1 }, { a: 1, b: 1 }, { 'a":1,"b': 1 }, { a: { b: 1 } }, { a: [] }, { a: null }, ['a'], 'a', '["a"]', 'é', 'e\u0301'],
    ];
    expect(new Set(values.map(jsonKey)).size).toBe(values.length);
  });
  it('an integer has lost digits beyond 2^53-1; a fraction and what is below have not', () => {
    const max = Number.MAX_SAFE_INTEGER;
    expect([max - 1, max, max + 1, -max, -max - 1, 1.5e300, 0.5].map((n) => jsonKey(n) !== undefined)).toEqual([true, true, false, true, false, false, true]);
    expect([jsonKey([max + 1]), jsonKey({ a: max + 1 })]).toEqual([undefined, undefined]);
  });
});

describe('the length of a value as JSON', () => {
  const values = [
    ...[null, true, false, 0, -1.5, 1e21, '', 'x', 'é"\\\n\u0000😀', [], [1], [1, 2, 3], [[], [[]]], {}, { a: 1 }, { a: 1, b: [true, false], c: { d: null } }],
    ...[{ 'é"': 'x' }, { a: undefined }, { a: undefined, b: 1 }, { a: 1, b: undefined, c: 2 }, [{}, {}, ['a', { b: 'c' }]], nested(32, 1), nested(31, {})],
  ];
  it.each(values.map((value) => [value]))('%j', (value) => {
    const { length } = JSON.stringify(value);
    expect(jsonLength(value, length)).toBe(length);
    expect(jsonLength(value, length + 1)).toBe(length);
    expect(jsonLength(value, length - 1)).toBeGreaterThan(length - 1);
  });
  it('members that are inherited are none', () => expect(jsonLength(Object.create({ a: 1 }), 10)).toBe(2));
  it.each([
    [undefined],
    [1n],
    [() => 1],
    [Symbol('s')],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [[undefined]],
    [{ a: 1n }],
    [nested(33)],
    [nested(32, {})],
    [cyclic],
  ])('what cannot be written is endless: case %#', (value) => expect(jsonLength(value, 1000)).toBe(Number.POSITIVE_INFINITY));
  it('above the maximum nothing more is looked at', () => {
    let looked = 0;
    const watched = {
      get a() {
        looked++;
        return 1;
      },
    };
    expect(jsonLength(['x'.repeat(10), watched, 1n], 5)).toBeGreaterThan(5);
    expect(jsonLength({ long: 'x'.repeat(10), more: watched, bad: 1n }, 5)).toBeGreaterThan(5);
    expect(jsonLength(holes, 3)).toBeGreaterThan(3);
    expect(looked).toBe(0);
  });
});
