import { fc } from '../support/fuzz.js';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  applyMetadataPolicy,
  checkConstraints,
  checkMetadata,
  checkTrustChainHeaders,
  combineMetadataPolicies,
  historicalKeyFor,
  limits,
  parseConstraints,
  parseEntityStatement,
  parseMetadata,
  parseMetadataPolicy,
  resolveMetadata,
  validateHistoricalKeys,
  validateResolveResponse,
  validateTrustChain,
} from '../../src/federation/entry.js';
import { LEAF, NOW, TA, type TestFederation, testFederation } from '../support/chain.js';

let federation: TestFederation;
beforeAll(async () => {
  federation = await testFederation();
});

const deep = (levels: number): unknown => Array.from({ length: levels }).reduce((value: unknown) => [value], 1);
const cyclic: Record<string, unknown> = {};
cyclic['a'] = [cyclic, cyclic];
const awkward = fc.constantFrom<unknown>(
  ...[undefined, null, Number.NaN, Number.POSITIVE_INFINITY, -0, 2 ** 60, 10n, Symbol('s'), () => 1, new Date(0), new Map(), deep(20_000), cyclic],
  ...['', 'x'.repeat(100_000), '__proto__', '\u202e\u0000', '\ud800', [undefined], [[]], [1, null], new Array(5)],
  JSON.parse('{"__proto__":{"subset_of":["a"]}}'),
);
const names = fc.constantFrom(
  ...['__proto__', 'constructor', 'toString', 'openid_provider', 'federation_entity', 'p', 'value', 'add', 'subset_of', 'one_of', 'superset_of', 'scope'],
  ...['permitted', 'excluded', 'naming_constraints', 'allowed_entity_types', 'max_path_length', 'registration_policy', 'policy', 'metadata', 'constraints'],
  ...['metadata_policy', 'metadata_policy_crit', 'issuer', 'contacts', 'iss', 'sub', 'keys', 'x'.repeat(50_000)],
);
const garbage = fc.letrec((tie) => ({
  any: fc.oneof({ maxDepth: 6 }, awkward, fc.string(), fc.integer(), fc.array(tie('any'), { maxLength: 4 }), fc.dictionary(names, tie('any'), { maxKeys: 4 })),
})).any;

/** A verdict with few and short findings, made of text alone. */
function isVerdict(result: unknown): void {
  const findings = Array.isArray(result) ? result : (result as { ok: boolean; findings?: unknown[] }).ok ? [] : (result as { findings: unknown[] }).findings;
  expect(findings.length).toBeLessThanOrEqual(limits.MAX_FINDINGS);
  for (const one of findings as { where: string; detail: string }[]) {
    expect(one.where.length).toBeLessThan(1000);
    expect(one.detail.length).toBeLessThan(1000);
  }
}

describe('values of any type give a verdict, never an exception', () => {
  const property = (run: (a: unknown, b: unknown) => unknown[]) =>
    fc.assert(
      fc.property(garbage, garbage, (a, b) => run(a, b).forEach(isVerdict)),
      { numRuns: 1000 },
    );
  it('policies', () =>
    property((a, b) => [
      parseMetadataPolicy(a),
      parseMetadataPolicy({ t: { p: a } }),
      combineMetadataPolicies(a as never),
      combineMetadataPolicies([a, { t: { p: { value: b } } }, b]),
      combineMetadataPolicies([], { crit: a as never }),
      applyMetadataPolicy(a, b),
      applyMetadataPolicy({ t: { p: a } }, { t: { p: b } }),
    ]));
  it('constraints', () =>
    property((a, b) => [
      parseConstraints(a),
      parseConstraints(a, 'constraints', { strict: false }),
      checkConstraints(a as never, { position: b as never, subordinates: b as never }),
      checkConstraints({ naming_constraints: a, registration_policy: b } as never, { position: 1, subordinates: [b as never] }),
    ]));
  it('metadata', () =>
    property((a, b) => [
      parseMetadata(a),
      checkMetadata(a as never, { entityId: LEAF, hasSubordinates: true }),
      checkMetadata({ openid_provider: { issuer: a, contacts: b }, federation_entity: a } as never, { entityId: LEAF }),
      resolveMetadata(a as never),
      resolveMetadata([
        { iss: LEAF, sub: LEAF, metadata: { t: {} } },
        { iss: a, sub: b, constraints: a, metadata: b, metadata_policy: b },
      ] as never),
      resolveMetadata([
        { iss: LEAF, sub: LEAF, metadata: { t: {} } },
        { iss: TA, sub: LEAF, metadata_policy_crit: a },
      ] as never),
    ]));
  it('chains, their headers, resolve responses, historical keys', async () => {
    await fc.assert(
      fc.asyncProperty(garbage, garbage, async (a, b) => {
        const options = { anchors: b as never, now: NOW };
        isVerdict(await validateTrustChain(a as never, options));
        isVerdict(await validateTrustChain([a, b] as never, options));
        isVerdict(checkTrustChainHeaders(a as never, b as never, options));
        isVerdict(checkTrustChainHeaders({ trust_chain: a, peer_trust_chain: [b] } as never, { trust_chain: LEAF }, options));
        isVerdict(await validateResolveResponse(a, { now: NOW, resolver: b as never, subject: a as never, trustAnchor: TA }));
        isVerdict(await validateHistoricalKeys(a, b as never));
        expect(historicalKeyFor([], { kid: a as never, iat: b as never })).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });
  it('soundly signed responses with any claims', async () => {
    const { ta } = federation.keys;
    const issuer = { entityId: TA, jwks: { keys: [ta.jwk] } };
    const options = { now: NOW, resolver: issuer, subject: LEAF, trustAnchor: TA };
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.jsonValue(), async (a, b) => {
        const claims = { iss: TA, sub: LEAF, iat: NOW, exp: NOW + 9, metadata: a, trust_chain: b, aud: b, trust_marks: a, keys: [a, b] };
        isVerdict(await validateResolveResponse(await ta.jwt(claims, { typ: 'resolve-response+jwt' }), options));
        isVerdict(await validateHistoricalKeys(await ta.jwt({ ...claims, keys: b }, { typ: 'jwk-set+jwt' }), issuer));
        isVerdict(await validateHistoricalKeys(await ta.jwt(claims, { typ: 'jwk-set+jwt' }), issuer));
      }),
      { numRuns: 100 },
    );
  });
  it.each([undefined, Number.NaN, Number.POSITIVE_INFINITY, '1'])('EV-04: a clock of %s is the caller’s mistake: without one nothing expires', async (now) => {
    const options = { anchors: {}, now: now as never };
    await expect(validateTrustChain([], options)).rejects.toThrow(TypeError);
    expect(() => checkTrustChainHeaders({}, { trust_chain: LEAF }, options)).toThrow(TypeError);
    await expect(validateResolveResponse('', { ...options, resolver: { entityId: TA, jwks: { keys: [] } }, subject: LEAF, trustAnchor: TA })).rejects.toThrow(
      TypeError,
    );
  });
});

describe('SE 18.1: the cost is linear in the size of what a stranger sends', () => {
  const list = (n: number, make: (k: number) => unknown) => Array.from({ length: n }, (_, k) => make(k));
  const best = (run: () => unknown) => {
    let least = Number.POSITIVE_INFINITY;
    for (let n = 0; n < 4; n++) {
      const start = performance.now();
      run();
      least = Math.min(least, performance.now() - start);
    }
    return least;
  };
  const objects = (n: number) => {
    const [some, others] = [list(n, (k) => ({ a: k })), list(n, (k) => ({ a: n - 1 - k }))];
    return { t: Object.fromEntries(list(10, (k) => [`p${k}`, { subset_of: some, superset_of: others }]) as [string, unknown][]) };
  };
  const signed = (metadata: unknown) => ({ iss: LEAF, sub: LEAF, metadata });
  const CASES: [string, number, (n: number) => () => unknown][] = [
    [
      'policies of objects',
      250,
      (n) =>
        (
          (policy) => () =>
            parseMetadataPolicy(policy)
        )(objects(n)),
    ],
    [
      'merging',
      250,
      (n) =>
        (
          (policy) => () =>
            combineMetadataPolicies([policy, policy, policy])
        )(objects(n)),
    ],
    [
      'applying add to a long parameter',
      1500,
      (n) => {
        const metadata = { t: { p: list(n, (k) => `a${k}`) } };
        const policies = list(8, (m) => ({ t: { p: { add: list(Math.min(n, 1000), (k) => `b${m}.${k}`) } } }));
        return () => resolveMetadata([signed(metadata), ...policies.map((policy, m) => ({ iss: `${TA}/${m}`, sub: LEAF, metadata_policy: policy }))] as never);
      },
    ],
    [
      'naming constraints',
      5000,
      (n) => {
        const excluded = list(n, (k) => `a${k}.example`) as string[];
        const subordinates = list(11, (k) => `https://${'a.'.repeat(50)}b${k}.example`) as string[];
        return () => checkConstraints({ naming_constraints: { excluded, permitted: excluded } }, { position: 1, subordinates });
      },
    ],
    [
      'allowed types',
      1500,
      (n) => {
        const types = list(n, (k) => `t${k}`) as string[];
        const metadata = Object.fromEntries(types.map((type) => [type, {}]));
        const constraints = { allowed_entity_types: [...types].reverse() };
        return () => resolveMetadata([signed(metadata), { iss: TA, sub: LEAF, constraints }] as never);
      },
    ],
  ];
  it.each(CASES)('%s', (_title, n, make) => {
    const [few, many] = [make(n), make(4 * n)];
    let [small, large] = [0, Number.POSITIVE_INFINITY];
    // A busy machine makes anything slow now and then: what is quadratic is slow each time.
    for (let tries = 0; tries < 5 && large >= 10 * small + 20; tries++) [small, large] = [best(few), best(many)];
    expect(large, `${small} ms, then ${large} ms`).toBeLessThan(10 * small + 20);
  });

  it('F4: a chain whose top is forged gets no policy merged: the verdict is about the signature', async () => {
    const words = (p: string) => list(1000, (k) => `${p}${k}`);
    const policy = (p: string) => ({ metadata_policy: { openid_relying_party: { x: { value: words(p) } } } });
    const chain = await federation.chain({ claims: { 1: policy('a'), 2: policy('b') } });
    const codes = async (statements: string[]) => {
      const result = await validateTrustChain(statements, { anchors: federation.anchors, now: NOW });
      return result.ok ? [] : result.findings.map(({ code }) => code);
    };
    expect(await codes(chain)).toEqual(['policy_merge']);
    const forged = chain.map((jwt, n) => (n === 2 ? `${jwt.slice(0, jwt.lastIndexOf('.'))}.${'A'.repeat(86)}` : jwt));
    expect(await codes(forged)).toEqual(['signature_invalid']);
    const narrow = await federation.chain({ claims: { 2: { constraints: { max_path_length: 0 } } } });
    expect(await codes(narrow)).toEqual(['path_too_long']);
    expect(await codes(narrow.map((jwt, n) => (n === 1 ? `${jwt.slice(0, jwt.lastIndexOf('.'))}.${'A'.repeat(86)}` : jwt)))).toEqual(['signature_invalid']);
  });
  it('an unsigned statement full of policies is refused with few findings', () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = { iss: TA, sub: LEAF, iat: 1, exp: 2e9, jwks: { keys: [] }, metadata_policy: Object.fromEntries(list(190, (k) => [`t${k}`, 1]) as never) };
    const result = parseEntityStatement(`${part({ alg: 'ES256', kid: 'k', typ: 'entity-statement+jwt' })}.${part(claims)}.AAAA`, { now: NOW });
    expect(!result.ok && result.findings.length).toBe(limits.MAX_FINDINGS);
  });
});
