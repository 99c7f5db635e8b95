import { describe, expect, it } from 'vitest';
import { applyMetadataPolicy, combineMetadataPolicies, limits, parseMetadataPolicy, parsePolicyCrit } from '../../src/federation/entry.js';
import { attempt, checkPolicyCrit, parseMergedPolicy, parsePolicyShape } from '../../src/federation/metadata-policy/policy.js';

const outcome = (result: ReturnType<typeof parseMetadataPolicy> | ReturnType<typeof applyMetadataPolicy>, name = 'p') =>
  result.ok ? result.value['t']?.[name] : result.findings.map(({ code, where, detail }) => `${code} ${where}: ${detail}`).join('; ');
/** What a policy of one parameter makes of it, or of its being absent. */
const apply = (operators: object, before?: unknown, name = 'p') =>
  outcome(applyMetadataPolicy({ t: { [name]: operators } }, { t: before === undefined ? {} : { [name]: before } }), name);
const merge = (...all: object[]) => outcome(combineMetadataPolicies(all.map((operators) => ({ t: { p: operators } }))));
const parse = (operators: object) => outcome(parseMetadataPolicy({ t: { p: operators } }));
const LISTS = ['add', 'one_of', 'subset_of', 'superset_of'];
const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);

describe('MP-19: the types of operator values', () => {
  it.each(LISTS)('%s takes arrays of strings, numbers and objects', (name) => {
    expect(parse({ [name]: ['a', 1.5, { b: [true, null] }] })).toEqual({ [name]: ['a', 1.5, { b: [true, null] }] });
    const refused = (text: string) => `policy_operator_type metadata_policy/t/p/${name}: ${name} takes an array of strings, numbers or objects, not ${text}`;
    expect(parse({ [name]: 'a' })).toBe(refused('"a"'));
    for (const one of [true, null, ['a']]) {
      expect(parse({ [name]: [one] })).toBe(refused(JSON.stringify([one])));
      expect(parse({ [name]: ['a', one] })).toBe(refused(JSON.stringify(['a', one])));
    }
  });
  it.each(['value', 'default'])('%s takes any JSON, nested as deep as JSON may be', (name) => {
    expect([false, 0, '', [true], { a: null }, nested(limits.MAX_JSON_DEPTH)].map((one) => parse({ [name]: one }))).toEqual(
      [false, 0, '', [true], { a: null }, nested(limits.MAX_JSON_DEPTH)].map((one) => ({ [name]: one })),
    );
    const refused = `policy_operator_type metadata_policy/t/p/${name}: ${name} takes a JSON value nested at most 32 levels deep`;
    for (const one of [nested(limits.MAX_JSON_DEPTH + 1), undefined, Number.NaN, 1n]) expect(parse({ [name]: one })).toBe(refused);
  });
  it('null is for value alone', () => {
    expect(parse({ value: null })).toEqual({ value: null });
    expect(parse({ default: null })).toBe('policy_operator_type metadata_policy/t/p/default: default takes no null');
  });
  it('essential takes true or false; what has no JSON is shown by its type', () => {
    expect([parse({ essential: true }), parse({ essential: false })]).toEqual([{ essential: true }, { essential: false }]);
    const refused = (text: string) => `policy_operator_type metadata_policy/t/p/essential: essential takes true or false, not ${text}`;
    expect([1, null, 1n, undefined].map((essential) => parse({ essential }))).toEqual(
      ['1', 'null', 'what is no JSON value (bigint)', 'what is no JSON value (undefined)'].map(refused),
    );
  });
});

describe('MP-03: the types of parameters', () => {
  it.each(['add', 'subset_of', 'superset_of'])('%s needs an array of strings, numbers or objects', (name) => {
    expect(apply({ [name]: ['a', 1, { b: 1 }] }, ['a', 1, { b: 1 }])).toEqual(['a', 1, { b: 1 }]);
    for (const before of ['a', 5, { a: 1 }, [true], ['a', null], [['a'], 'a']])
      expect(apply({ [name]: ['a'] }, before)).toBe(
        `policy_operator_type metadata/t/p: ${name} needs an array of strings, numbers or objects, the parameter is ${JSON.stringify(before)}`,
      );
  });
  it('one_of needs a single one', () => {
    for (const before of ['a', 1, { b: 1 }]) expect(apply({ one_of: ['a', 1, { b: 1 }] }, before)).toEqual(before);
    for (const before of [true, ['a'], [true]])
      expect(apply({ one_of: ['a'] }, before)).toBe(
        `policy_operator_type metadata/t/p: one_of needs a string, number or object, the parameter is ${JSON.stringify(before)}`,
      );
    expect(apply({ one_of: ['a'] }, 'b')).toBe('policy_violation metadata/t/p: "b" is none of ["a"]');
  });
  it('a violation says what there is and what is asked for', () => {
    expect(apply({ superset_of: ['a', 'b'] }, ['b', 'c'])).toBe('policy_violation metadata/t/p: ["b","c"] lacks some of ["a","b"]');
    expect(apply({ essential: true })).toBe('policy_violation metadata/t/p: the parameter is essential and absent');
    expect([apply({ essential: false }), apply({ essential: false }, 'a'), apply({ essential: true }, 'a')]).toEqual([undefined, 'a', 'a']);
  });
  it('a stranger’s value is shown on one line, at most 120 characters of it, without invisible ones', () => {
    const shown = (before: string) => String(apply({ one_of: ['x'] }, before)).replace('policy_violation metadata/t/p: ', '');
    expect([117, 118, 119].map((n) => shown('a'.repeat(n)))).toEqual([
      `"${'a'.repeat(117)}" is none of ["x"]`,
      `"${'a'.repeat(118)}" is none of ["x"]`,
      `"${'a'.repeat(119)}… is none of ["x"]`,
    ]);
    expect(shown('é \u202e\u0085\u2028\u2029\u200bz')).toBe('"é ?????z" is none of ["x"]');
  });
  it('MP-06: null takes the parameter away, wherever it was', () => {
    const removed = applyMetadataPolicy({ t: { p: { value: null } } }, { t: { p: 1, q: 2 } });
    expect(removed.ok && Object.keys(removed.value['t'] ?? {})).toEqual(['q']);
  });
});

describe('MP-21: what two values of an operator merge to', () => {
  it.each(['value', 'default'])('%s: equal ones, else nothing; the same elements in another order are told apart', (name) => {
    const differ = (a: unknown, b: unknown, more = '') => [
      merge({ [name]: a }, { [name]: b }),
      `policy_merge policy 2 of 2: t/p: ${name} is ${JSON.stringify(a)} above and ${JSON.stringify(b)} below${more}`,
    ];
    expect(merge({ [name]: { a: 1, b: ['x'] } }, { [name]: { b: ['x'], a: 1 } })).toEqual({ [name]: { a: 1, b: ['x'] } });
    const reordered = ': same elements in another order';
    for (const [given, expected] of [
      differ('a', 'b'),
      differ(1, 2),
      differ('ab', 'ba'),
      differ('a', ['a']),
      differ(['a'], 'a'),
      differ(['a', 'b'], ['b', 'a', 'c']),
      differ(['a', 'b', 'c'], ['b', 'a']),
      differ(['a', 'b'], ['a', 'c']),
      differ(['a', 'a'], ['a', 'b']),
      differ(['a', 'a', 'b'], ['b', 'b', 'a']),
      differ(['a', 'b'], ['b', 'a'], reordered),
      differ([{ a: 1, b: 2 }, 'x'], ['x', { b: 2, a: 1 }], reordered),
    ])
      expect(given).toBe(expected);
  });
  it('one_of: what both have, in the order of the superior; nothing in common is a fault', () => {
    expect(merge({ one_of: ['c', 'b', 'a'] }, { one_of: ['a', 'x', 'c'] })).toEqual({ one_of: ['c', 'a'] });
    expect(merge({ one_of: ['a'] }, { one_of: ['b'] })).toBe('policy_merge policy 2 of 2: t/p: one_of ["a"] and ["b"] share no value');
  });
  it('add and superset_of: all of both, each once; subset_of: what both have', () => {
    for (const name of ['add', 'superset_of']) expect(merge({ [name]: ['a', 'b', 'a'] }, { [name]: ['c', 'b', 'c'] })).toEqual({ [name]: ['a', 'b', 'c'] });
    expect(merge({ subset_of: ['a', 'b'] }, { subset_of: ['b', 'c'] })).toEqual({ subset_of: ['b'] });
    expect(merge({ subset_of: ['a'] }, { subset_of: ['c'] })).toEqual({ subset_of: [] });
  });
  it('essential: true when one of them says so', () => {
    const all = [true, false].flatMap((one) => [true, false].map((other) => merge({ essential: one }, { essential: other })));
    expect(all).toEqual([{ essential: true }, { essential: true }, { essential: true }, { essential: false }]);
  });
  it('other types, parameters and operators of either stay beside each other, whatever they are called', () => {
    const merged = combineMetadataPolicies([
      { t: { p: { add: ['a'] }, q: { value: 1 } }, u: { p: { value: 2 } } },
      { t: { p: { essential: true }, toString: { value: 3 } }, constructor: { p: { value: 4 } } },
      { t: { p: { add: ['b'] } }, constructor: { valueOf: { value: 5 } } },
    ]);
    expect(merged).toEqual({
      ok: true,
      value: {
        t: { p: { add: ['a', 'b'], essential: true }, q: { value: 1 }, toString: { value: 3 } },
        u: { p: { value: 2 } },
        constructor: { p: { value: 4 }, valueOf: { value: 5 } },
      },
    });
  });
});

describe('MP-04: what may stand together in one policy', () => {
  it.each([
    [{ value: 'a', default: 'b' }],
    [{ value: 'a', essential: true }],
    [{ value: null, essential: false }],
    [{ value: 'a', one_of: ['a', 'b'] }],
    [{ value: ['a', 'b'], add: ['a'], superset_of: ['b'], subset_of: ['a', 'b', 'c'] }],
    [{ value: [], subset_of: ['a'] }],
    [{ one_of: ['a'], default: 'b', essential: true }],
    [{ add: ['a'], superset_of: ['b'], subset_of: ['a', 'b'] }],
  ])('%j does', (operators) => expect(parse(operators)).toEqual(operators));
  it.each([
    [{ value: null, default: 'b' }, 'value null does not combine with default'],
    [{ value: null, essential: true }, 'value null does not combine with essential true'],
    [{ value: 'a', one_of: ['b'] }, 'value "a" is none of one_of ["b"]'],
    [{ value: 'a', add: ['a'] }, 'value "a" lacks values of add ["a"]'],
    [{ value: ['a'], add: ['b'] }, 'value ["a"] lacks values of add ["b"]'],
    [{ value: ['a'], superset_of: ['a', 'b'] }, 'value ["a"] lacks values of superset_of ["a","b"]'],
    [{ value: 'a', subset_of: ['a'] }, 'value "a" is no subset of subset_of ["a"]'],
    [{ value: ['a', 'b'], subset_of: ['a'] }, 'value ["a","b"] is no subset of subset_of ["a"]'],
    [{ one_of: ['a'], add: ['a'] }, 'one_of does not combine with add'],
    [{ one_of: ['a'], subset_of: ['a'] }, 'one_of does not combine with subset_of'],
    [{ one_of: ['a'], superset_of: ['a'] }, 'one_of does not combine with superset_of'],
    [{ add: ['a'], subset_of: ['b'] }, 'add ["a"] is outside subset_of ["b"]'],
    [{ superset_of: ['a', 'b'], subset_of: ['b'] }, 'superset_of ["a","b"] is outside subset_of ["b"]'],
  ])('%j does not: %s', (operators, detail) => expect(parse(operators)).toBe(`policy_combination metadata_policy/t/p: ${detail}`));
});

describe('§6.1.3.1.8: scope is a text and counts as a list', () => {
  const scope = (operators: object, before?: unknown) => apply(operators, before, 'scope');
  it('add, subset_of and superset_of see its values, however many spaces lie between', () => {
    expect(scope({ add: ['c', 'a'] }, ' a  b')).toBe('a b c');
    expect(scope({ add: ['c'] })).toBe('c');
    expect(scope({ subset_of: ['b', 'a'] }, 'a  x b ')).toBe('a b');
    expect(scope({ superset_of: ['a'] }, 'b  a')).toBe('b a');
    expect(scope({ superset_of: ['c'] }, 'a b')).toBe('policy_violation metadata/t/scope: ["a","b"] lacks some of ["c"]');
  });
  it('value, default, one_of and essential see the whole text', () => {
    expect([scope({ one_of: ['a b'] }, 'a b'), scope({ default: 'c' }, 'a b'), scope({ essential: true }, 'a b')]).toEqual(['a b', 'a b', 'a b']);
    expect([scope({ value: ['a', 'b'] }), scope({ default: 'c d' })]).toEqual(['a b', 'c d']);
  });
  it('in a combination too', () => {
    const of = (operators: object) => outcome(parseMetadataPolicy({ t: { scope: operators } }), 'scope');
    expect(of({ value: 'a b', add: ['a'], superset_of: ['b'], subset_of: ['a', 'b'] })).toMatchObject({ value: 'a b' });
    expect(of({ value: 'a b', one_of: ['a b'] })).toMatchObject({ value: 'a b' });
    expect(of({ value: 'a b', subset_of: ['a'] })).toBe('policy_combination metadata_policy/t/scope: value ["a","b"] is no subset of subset_of ["a"]');
    expect(parse({ value: 'a b', add: ['a'] })).toBe('policy_combination metadata_policy/t/p: value "a b" lacks values of add ["a"]');
  });
});

describe('the shape of a policy', () => {
  it.each([
    [5, 'policy_malformed metadata_policy: a policy is a non-empty object of Entity Types'],
    [{}, 'policy_malformed metadata_policy: a policy is a non-empty object of Entity Types'],
    [{ t: [] }, 'policy_malformed metadata_policy/t: an Entity Type is a non-empty object of parameters'],
    [{ t: {} }, 'policy_malformed metadata_policy/t: an Entity Type is a non-empty object of parameters'],
    [{ t: { p: [] } }, 'policy_malformed metadata_policy/t/p: a parameter is a non-empty object of operators'],
    [{ t: { p: {} } }, 'policy_malformed metadata_policy/t/p: a parameter is a non-empty object of operators'],
    [JSON.parse('{"__proto__":{"p":{"value":1}}}'), 'policy_malformed metadata_policy/__proto__: an Entity Type is a non-empty object of parameters'],
    [JSON.parse('{"t":{"__proto__":{"value":1}}}'), 'policy_malformed metadata_policy/t: an Entity Type is a non-empty object of parameters'],
  ])('%j', (policy, expected) => {
    for (const read of [parseMetadataPolicy, parsePolicyShape, parseMergedPolicy]) expect(outcome(read(policy))).toBe(expected);
  });
  it('operators nobody knows are left out, and what is empty without them', () => {
    const policy = { t: { p: { value: 1, regexp: 'x' }, q: { regexp: 'x' } }, u: { p: { regexp: 'x', __proto: 1 } } };
    expect(parseMetadataPolicy(policy)).toEqual({ ok: true, value: { t: { p: { value: 1 } } } });
  });
  it('200 Entity Types, those without parameters counted', () => {
    const of = (n: number, one: unknown) => {
      const result = parseMetadataPolicy(Object.fromEntries(Array.from({ length: n }, (_, k) => [`t${k}`, one])));
      return result.ok ? 'ok' : result.findings[0]?.code;
    };
    expect([199, 200, 201].map((n) => of(n, { p: { value: 1 } }))).toEqual(['ok', 'ok', 'too_many']);
    expect([199, 200, 201].map((n) => of(n, {}))).toEqual(['policy_malformed', 'policy_malformed', 'too_many']);
    expect([199, 200, 201].map((n) => of(n, 'x'))).toEqual(['policy_malformed', 'policy_malformed', 'too_many']);
  });
  it('only a fault of the policy becomes a finding', () => {
    const broken = () => {
      throw new TypeError('broken');
    };
    expect(() => attempt('here', broken)).toThrow(TypeError);
  });
  it('policies and critical names come as arrays', () => {
    const code = (policies: unknown, crit?: unknown) => {
      const result = combineMetadataPolicies(policies as never, { crit } as never);
      return result.ok ? 'ok' : result.findings.map((one) => `${one.code} ${one.where}`).join('; ');
    };
    expect([code([]), code('x'), code({ length: 0 })]).toEqual(['ok', 'policy_malformed metadata_policy', 'policy_malformed metadata_policy']);
    expect([code([], 'x'), code([], { length: 0 })]).toEqual(['policy_crit_invalid metadata_policy_crit', 'policy_crit_invalid metadata_policy_crit']);
    expect(code([], ['value', 'regexp'])).toBe('policy_crit_invalid metadata_policy_crit; policy_crit_not_understood metadata_policy_crit');
  });
  it('SS-09: each critical name is a finding, up to 50', () => {
    const all = (n: number) => checkPolicyCrit(Array.from({ length: n }, (_, k) => `op${k}`)).length;
    expect([0, 1, 49, 50, 51].map(all)).toEqual([0, 1, 49, 50, 50]);
    expect(checkPolicyCrit(new Array(2)).filter((one) => one.code === 'policy_crit_not_understood')).toHaveLength(2);
  });
  it.each<[unknown, string]>([
    [['x', 'y'], 'ok'],
    ['x', 'it is a non-empty array of operator names'],
    [[], 'it is a non-empty array of operator names'],
    [['x', 1], 'it is a non-empty array of operator names'],
    [[1, 'x'], 'it is a non-empty array of operator names'],
    [['x', 'add'], '"add" is a standard operator'],
    [['x', 'y', 'x'], 'a name occurs twice'],
  ])('§3.1.3 metadata_policy_crit %j: %s', (value, expected) => {
    const result = parsePolicyCrit(value);
    if (result.ok) expect([expected, result.value]).toEqual(['ok', value]);
    else expect(result.findings).toMatchObject([{ code: 'policy_crit_invalid', where: 'metadata_policy_crit', detail: expected }]);
  });
});
