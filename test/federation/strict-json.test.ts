import { describe, expect, it } from 'vitest';
import { limits } from '../../src/federation/entry.js';
import { jsonEqual, parseJson } from '../../src/federation/strict-json.js';

const verdict = (text: string, options = {}) => {
  const result = parseJson(text, 'here', options);
  return result.ok ? result.value : result.findings.map(({ code, where, detail }) => `${code} ${where}: ${detail}`).join('; ');
};
const twice = (name: string) => `json_duplicate_member here: the member "${name}" occurs twice`;

describe('strict JSON', () => {
  it.each(['', '{', '{"a":}', "{'a':1}", '[1,]', 'undefined'])('%j is none', (text) => expect(verdict(text)).toBe('json_invalid here: this is not JSON'));
  it.each([
    ['{"a":1,"a":1}', 'a'],
    ['{"a":1,"b":2,"a":3}', 'a'],
    ['{"a":1,"b":2,"b":3}', 'b'],
    ['{"a":1,"b":2,"c":3,"c":4}', 'c'],
    ['{"a":1,"b":2,"c":3,"d":4,"c":5}', 'c'],
    ['{"a":{"x":[1]},"a":2}', 'a'],
    ['{"a":[],"b":{},"a":2}', 'a'],
    ['[0,[{"a":1,"b":{"a":1,"a":2}}]]', 'a'],
    ['{"":1,"":2}', ''],
    ['{"a":"x\\\\","a":1}', 'a'],
    ['{"a":"\\\\\\"","a":1}', 'a'],
    ['{"a":"\\"}[,","a":1}', 'a'],
    ['{"\\u0061":1,"a":2}', 'a'],
    ['{"a\\\\":1,"a\\\\":2}', 'a\\'],
  ])('%s names a member twice', (text, name) => expect(verdict(text)).toBe(twice(name)));
  it.each([
    '{"a":"a","b":"a"}',
    '{"a":{"a":{"a":1}}}',
    '{"a":{"b":1},"c":{"b":1},"b":[{"a":1},{"a":1}]}',
    '["x","x"]',
    '[["x","x"],"x",{"x":"x"},"x"]',
    '{"a":["x","x",["x"],"x"],"x":1}',
    '{"a":{},"b":[],"c":"a"}',
    '{"a\\"":1,"a":2,"a\\\\":3}',
    '{"a":"\\\\","b":"\\\\\\\\","c":"\\"","d":"{\\"d\\":["}',
    '"a"',
    '"__proto__"',
    '["__proto__","__proto__"]',
    '{"a":"__proto__"}',
    '{"a":["b","__proto__"],"c":[{},"__proto__"],"d":[[],"__proto__"]}',
    '"\\ud83d\\ude00 😀"',
    ' { "a" : [ 1 , 2 ] , "b" : null } ',
  ])('%s is read as it is', (text) => expect(verdict(text)).toEqual(JSON.parse(text)));
  it.each(['{"__proto__":1}', '{"a":[{"__proto__":1}]}', '{"a":1,"__proto__":1}', '{"\\u005f_proto__":1}'])('%s would change what objects are', (text) =>
    expect(verdict(text)).toBe('json_forbidden_member here: a member is named __proto__'),
  );
  it.each(['"\\ud83d"', '{"\\ude00":1}', '["a","\\ud83d x"]', '"\\ude00\\ud83d"', '"\ud83d"'])('%j holds half a surrogate pair', (text) =>
    expect(verdict(text)).toBe('json_invalid here: a string holds half a surrogate pair'),
  );
  it('depth and count are capped, brackets inside strings not counted', () => {
    const deep = (levels: number) => verdict(`${'['.repeat(levels)}${']'.repeat(levels)}`, { maxDepth: 3 });
    expect([deep(2), deep(3), deep(4)]).toEqual([[[]], [[[]]], 'json_too_deep here: nested deeper than 3 levels']);
    expect(verdict('[[[],[],[]],[[[]]]]', { maxDepth: 3 })).toBe('json_too_deep here: nested deeper than 3 levels');
    expect(verdict('["[[[[{{{{,,,,"]', { maxDepth: 1, maxValues: 3 })).toEqual(['[[[[{{{{,,,,']);
    const many = (n: number) => verdict(`[${Array.from({ length: n }, () => 1).join(',')}]`, { maxValues: 4 });
    expect([many(2), many(3), many(4)]).toEqual([[1, 1], [1, 1, 1], 'too_many here: it holds more than 4 values']);
    expect(verdict('{"a":{"b":{}}}', { maxValues: 4 })).toEqual({ a: { b: {} } });
    expect(verdict('{"a":{"b":{}}}', { maxValues: 3 })).toBe('too_many here: it holds more than 3 values');
  });
});

describe('equality of JSON values', () => {
  const nested = (levels: number): unknown => (levels === 0 ? [] : [nested(levels - 1)]);
  it.each<[unknown, unknown]>([
    [1, 1],
    ['a', 'a'],
    [null, null],
    [[], []],
    [{}, {}],
    [
      [1, ['a', { b: null }]],
      [1, ['a', { b: null }]],
    ],
    [
      { a: 1, b: { c: [], d: 2 } },
      { b: { d: 2, c: [] }, a: 1 },
    ],
  ])('%j is %j', (a, b) => expect([jsonEqual(a, b), jsonEqual(b, a)]).toEqual([true, true]));
  it.each<[unknown, unknown]>([
    [1, 2],
    [1, '1'],
    [0, false],
    [null, {}],
    [null, []],
    [{}, []],
    [{ length: 0 }, []],
    [[1], { 0: 1 }],
    ['a', ['a']],
    [[1], [1, 2]],
    [
      [1, 2],
      [2, 1],
    ],
    [
      [1, 2],
      [1, 3],
    ],
    [
      [1, 2],
      [3, 2],
    ],
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { b: 1 }],
    [{ a: 1 }, { a: 1, b: 1 }],
    [
      { a: 1, b: 2 },
      { a: 1, b: 3 },
    ],
    [{ toString: undefined }, { a: undefined }],
    [{ a: { b: 1 } }, { a: { b: 2 } }],
    ['é', 'e\u0301'],
  ])('%j is not %j', (a, b) => expect([jsonEqual(a, b), jsonEqual(b, a)]).toEqual([false, false]));
  it('beyond twice the depth JSON may have nothing is equal', () => {
    const n = 2 * limits.MAX_JSON_DEPTH;
    expect([n - 2, n - 1, n].map((levels) => jsonEqual(nested(levels), nested(levels)))).toEqual([true, true, false]);
    const wrapped = (levels: number): unknown => (levels === 0 ? {} : { a: wrapped(levels - 1) });
    expect([n - 2, n - 1, n].map((levels) => jsonEqual(wrapped(levels), wrapped(levels)))).toEqual([true, true, false]);
  });
});
