import { describe, expect, it } from 'vitest';
import { applyMetadataPolicy, combineMetadataPolicies, limits, parseMetadataPolicy, resolveMetadata } from '../../src/federation/entry.js';
import { LEAF, TA } from '../support/chain.js';

const list = <T>(n: number, make: (k: number) => T) => Array.from({ length: n }, (_, k) => make(k));
const code = (result: ReturnType<typeof parseMetadataPolicy> | ReturnType<typeof applyMetadataPolicy>) =>
  result.ok ? 'ok' : result.findings.map((one) => `${one.code} ${one.where}`).join('; ');
const entries = (n: number, prefix = 'p') => ({ t: Object.fromEntries(list(n, (k) => [`${prefix}${k}`, { essential: false }])) });

describe('MP-19: a number that JSON cannot write again is no value of a list', () => {
  it.each(['add', 'one_of', 'subset_of', 'superset_of'])('%s', (operator) => {
    const policy = JSON.parse(`{"t":{"p":{"${operator}":[1,1e400]}}}`) as object;
    expect(code(parseMetadataPolicy(policy))).toBe(`policy_operator_type metadata_policy/t/p/${operator}`);
    expect(code(combineMetadataPolicies([policy]))).toMatch(/policy_operator_type/);
  });
});

it('an array of holes as long as arrays can be is refused at once', () => {
  const holes: unknown[] = [];
  holes.length = 2 ** 32 - 1;
  expect(code(parseMetadataPolicy({ t: { p: { value: { holes } } } }))).toBe('policy_operator_type metadata_policy/t/p/value');
  expect(code(applyMetadataPolicy({}, { t: { p: holes } }))).toBe('metadata_invalid metadata');
}, 5000);

describe('limits of a policy, at n-1, n and n+1', () => {
  it('200 parameters', () => expect([199, 200, 201].map((n) => code(parseMetadataPolicy(entries(n))))).toEqual(['ok', 'ok', 'too_many metadata_policy']));
  it.each(['add', 'one_of', 'subset_of', 'superset_of', 'value', 'default'])('1000 values of %s', (operator) => {
    const policy = (n: number) => ({ t: { p: { [operator]: list(n, (k) => `v${k}`) } } });
    expect([999, 1000, 1001].map((n) => code(parseMetadataPolicy(policy(n))))).toEqual(['ok', 'ok', `too_many metadata_policy/t/p/${operator}`]);
  });
  it('11 policies, one for each Subordinate Statement of the longest chain', () =>
    expect([10, 11, 12].map((n) => code(combineMetadataPolicies(list(n, (k) => entries(1, `p${k}.`)))))).toEqual(['ok', 'ok', 'too_many metadata_policy']));
  it('50 findings', () => {
    const faults = (n: number) => parseMetadataPolicy(Object.fromEntries(list(n, (k) => [`t${k}`, {}])));
    const count = (n: number) => ((result) => (result.ok ? 0 : result.findings.length))(faults(n));
    expect([49, 50, 51].map(count)).toEqual([49, 50, limits.MAX_FINDINGS]);
  });
  it('MP-29: they are those of each policy: what a chain merges may hold more', () => {
    const merged = combineMetadataPolicies([entries(150, 'a'), entries(200, 'b')]);
    expect(merged.ok && Object.keys(merged.value['t'] ?? {})).toHaveLength(350);
    expect(merged.ok && code(applyMetadataPolicy(merged.value, { t: {} }))).toBe('ok');
    const adding = (prefix: string) => ({ t: { p: { add: list(1000, (k) => `${prefix}${k}`) } } });
    const both = combineMetadataPolicies([adding('a'), adding('b')]);
    const after = both.ok ? applyMetadataPolicy(both.value, { t: {} }) : both;
    expect(after.ok && (after.value as Record<string, Record<string, unknown[]>>)['t']?.['p']).toHaveLength(2000);
    const chain = [
      { iss: LEAF, sub: LEAF, metadata: { t: {} } },
      { iss: `${TA}/i`, sub: LEAF, metadata_policy: entries(150, 'a') },
      { iss: TA, sub: `${TA}/i`, metadata_policy: entries(200, 'b') },
    ];
    expect(code(resolveMetadata(chain as never))).toBe('ok');
  });
});

describe('what counts as equal', () => {
  const keeps = (subset_of: unknown[], p: unknown[]) => {
    const result = applyMetadataPolicy({ t: { p: { subset_of } } }, { t: { p } });
    return result.ok ? result.value['t']?.['p'] : code(result);
  };
  it('MP-19: numbers, strings and objects that look alike do not meet; the order of members does not matter', () => {
    expect(keeps(['1', '"a"', '{"a":1}', 'n1'], [1, 'a', { a: 1 }, '1'])).toEqual(['1']);
    expect(keeps([1, { a: 1 }], ['1', '{"a":1}', '[1]', 1, 1.5])).toEqual([1]);
    expect(keeps([{ a: 1, b: { c: [1, 'x'], d: null } }], [{ b: { d: null, c: [1, 'x'] }, a: 1 }])).toEqual([{ b: { d: null, c: [1, 'x'] }, a: 1 }]);
    expect(keeps([{ a: '1' }], [{ a: 1 }, { a: '1', b: 1 }, { 'a":"1': 1 }])).toEqual([]);
    expect(keeps(['\u00e9'], ['e\u0301'])).toEqual([]);
    expect(keeps([1, -0], [1.0, 0])).toEqual([1, 0]);
  });
  it('MP-10: add appends what is missing and leaves alone what the entity lists twice', () => {
    const added = (add: string[], p?: unknown) => applyMetadataPolicy({ t: { p: { add } } }, { t: p === undefined ? {} : { p } });
    expect(added(['b'], ['a', 'a'])).toEqual({ ok: true, value: { t: { p: ['a', 'a', 'b'] } } });
    expect(added(['b', 'b', 'a'], ['a'])).toEqual({ ok: true, value: { t: { p: ['a', 'b'] } } });
    expect(added(['b', 'b'])).toEqual({ ok: true, value: { t: { p: ['b'] } } });
  });
  it('integers beyond 2^53-1 have lost digits when they are read: comparing them is refused, carrying them is not', () => {
    const [one, next] = JSON.parse('[9007199254740992, 9007199254740993]') as [number, number];
    expect(one).toBe(next);
    expect(keeps([one], [next])).toBe('policy_operator_type metadata/t/p');
    expect(keeps([{ a: [one] }], [{ a: [next] }])).toBe('policy_operator_type metadata/t/p');
    expect(code(combineMetadataPolicies([{ t: { p: { value: one } } }, { t: { p: { value: next } } }]))).toMatch(/^policy_operator_type/);
    expect(keeps([Number.MAX_SAFE_INTEGER, 1.5e-7], [Number.MAX_SAFE_INTEGER, 1.5e-7])).toEqual([Number.MAX_SAFE_INTEGER, 1.5e-7]);
    expect(applyMetadataPolicy({ t: { p: { default: 1 } } }, { t: { p: next } })).toEqual({ ok: true, value: { t: { p: next } } });
  });
  it('MP-28: policies are counted from the Trust Anchor downwards; merging itself is the same in either order', () => {
    const at = (policies: unknown[]) => ((result) => (result.ok ? 'ok' : result.findings[0]?.where))(combineMetadataPolicies(policies));
    const [good, bad] = [{ t: { p: { value: 1 } } }, { t: { p: { value: 2 } } }];
    expect([at([good, {}]), at([{}, good]), at([good, good, bad])]).toEqual([
      'policy 2 of 2: metadata_policy',
      'policy 1 of 2: metadata_policy',
      'policy 3 of 3: t/p',
    ]);
    const statement = (n: number, metadata_policy: object) => ({ iss: `${TA}/${n}`, sub: LEAF, metadata_policy });
    const resolved = resolveMetadata([{ iss: LEAF, sub: LEAF, metadata: { t: {} } }, statement(1, {}), statement(2, good), statement(3, good)] as never);
    expect(code(resolved), 'the statement about the subject comes last').toBe('policy_malformed policy 3 of 3: metadata_policy');
  });
});

describe('metadata after policy', () => {
  const resolve = (metadata: object, above: object = {}) =>
    resolveMetadata([
      { iss: LEAF, sub: LEAF, metadata },
      { iss: TA, sub: LEAF, ...above },
    ] as never);
  it('MD-02: Entity Types that nobody here knows are carried through unchanged, whatever their parameters look like', () => {
    const metadata = { wallet_x: { contacts: 'a@b.example', jwks_uri: 'http://a.example', keywords: 1, issuer: 'x', signed_jwks_uri: [] } };
    expect(resolve(metadata)).toEqual({ ok: true, value: metadata });
    expect(code(resolve({ openid_relying_party: metadata.wallet_x }))).toContain('metadata_invalid metadata/openid_relying_party/contacts');
  });
  it.each(['openid_provider', 'oauth_authorization_server'])('MD-01 MP-34: %s may be {}; an issuer that is there is the entity', (type) => {
    expect(code(resolve({ [type]: {} }))).toBe('ok');
    expect(code(resolve({ [type]: { issuer: LEAF } }))).toBe('ok');
    for (const issuer of [TA, `${LEAF}/`, '', 1, []]) expect(code(resolve({ [type]: { issuer } }))).toBe(`metadata_invalid metadata/${type}/issuer`);
  });
});
