import { fc } from '../support/fuzz.js';
import { beforeAll, describe, expect, it } from 'vitest';
import * as federation from '../../src/federation/entry.js';
import { INTERMEDIATE, LEAF, NOW, TA, type TestFederation, testFederation } from '../support/chain.js';
import type { TestKey } from '../support/keys.js';

const flipSignature = (jwt: string) => {
  const at = jwt.lastIndexOf('.') + 5;
  return jwt.slice(0, at) + (jwt[at] === 'A' ? 'B' : 'A') + jwt.slice(at + 1);
};
const { limits } = federation;
let world: TestFederation;
let key: TestKey;
beforeAll(async () => {
  world = await testFederation();
  key = world.keys.ta;
});

function cyclic(): object {
  const value: Record<string, unknown> = { a: 1 };
  value['self'] = value;
  value['list'] = [value];
  return value;
}
/** Forty levels that share their children: 2^40 values to whoever walks them all. */
const lattice = (): unknown => Array.from({ length: 40 }).reduce((below) => [below, below], 1 as unknown);
const huge = 'x'.repeat(3 * 1024 * 1024);
const deep = JSON.parse(`${'['.repeat(5000)}${']'.repeat(5000)}`) as unknown;

const JUNK: readonly unknown[] = [
  ...[undefined, null, true, 0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1n, Symbol('x'), () => 1, '', 'a.b.c', huge, '\ud800'],
  ...[[], [undefined], [null], [[]], [5], new Array(20), new Array(200_000).fill('x'), new Array(200_000).fill({})],
  ...[{}, { keys: null }, { keys: [null, undefined, 5, {}] }, Object.create(null), new Map(), new Date(), new Uint8Array(5), deep, cyclic(), lattice()],
  { iss: cyclic(), sub: lattice(), jwks: cyclic(), metadata: cyclic(), keys: [cyclic()] },
  { claims: null, header: null, compact: 5 },
  { claims: {}, header: {}, compact: '' },
  { openid_provider: null, t: 5, federation_entity: cyclic() },
  { t: { p: { one_of: cyclic(), add: [cyclic()], value: lattice(), subset_of: [deep] } } },
  { naming_constraints: { permitted: [cyclic()], excluded: lattice() }, allowed_entity_types: [null], registration_policy: [null, cyclic()] },
];
const junk = fc.oneof(
  fc.constantFrom(...JUNK),
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withSparseArray: true, withTypedArray: true, withNullPrototype: true }),
);
const NAMES = [
  'iss',
  'sub',
  'iat',
  'exp',
  'jwks',
  'metadata',
  'keys',
  'kid',
  'kty',
  'crit',
  'trust_marks',
  'authority_hints',
  'metadata_policy',
  'constraints',
  'aud',
  'trust_chain',
];
const shaped = fc.oneof(junk, fc.dictionary(fc.constantFrom(...NAMES), junk), fc.array(junk, { maxLength: 5 }));

const issuer = () => ({ entityId: TA, jwks: { keys: [key.jwk] } });
/** Every function that looks at what a stranger can have sent: the stranger's value in each of its places. */
const FUNCTIONS: Readonly<Record<string, (value: never) => unknown>> = {
  algorithmsOf: (v) => federation.algorithmsOf(v),
  allowEntityTypes: (v) => [federation.allowEntityTypes(v, { allowed_entity_types: ['a'] }), federation.allowEntityTypes({ a: {} }, v)],
  applyMetadataPolicy: (v) => [
    federation.applyMetadataPolicy(v, { t: {} }),
    federation.applyMetadataPolicy({ t: { p: { add: ['a'] } } }, v),
    federation.applyMetadataPolicy(v, v),
  ],
  applySuperiorMetadata: (v) => [federation.applySuperiorMetadata(v, {}), federation.applySuperiorMetadata({ a: {} }, v)],
  checkConstraints: (v) => federation.checkConstraints(v, { position: 1, subordinates: [LEAF] }),
  checkMetadata: (v) => federation.checkMetadata(v, { entityId: LEAF }),
  checkRegistrationPolicy: (v) => [
    federation.checkRegistrationPolicy(v, [{ position: 1, registrationPolicy: v, entityTypes: v }]),
    federation.checkRegistrationPolicy({ registration_policy: v }, [{ position: 1, registrationPolicy: [], entityTypes: [] }]),
  ],
  checkTrustChainHeaders: (v) => [
    federation.checkTrustChainHeaders(v, { trust_chain: LEAF }, { anchors: {}, now: NOW }),
    federation.checkTrustChainHeaders({ trust_chain: v, peer_trust_chain: v }, { trust_chain: LEAF }, { anchors: v, now: NOW }),
  ],
  clientMetadataDocument: (v) => [
    federation.clientMetadataDocument(v, LEAF),
    federation.clientMetadataDocument({ oauth_client: v }, LEAF),
    federation.clientMetadataDocument({ oauth_client: { jwks: { keys: [{}] }, scope: 'a', grant_types: v, token_endpoint_auth_method: v } }, LEAF),
  ],
  combineMetadataPolicies: (v) => [federation.combineMetadataPolicies(v), federation.combineMetadataPolicies([v, v])],
  historicalKeyFor: (v) => federation.historicalKeyFor([v], { kid: 'a', iat: 1 }),
  inNamespace: (v) => [
    federation.inNamespace({ type: 'dns_domain', value: 'a.example' }, v),
    federation.inNamespace({ type: 'dns_domain', value: 'a.example' }, { type: 'dns_domain', value: v }),
  ],
  isEntityConfiguration: (v) => federation.isEntityConfiguration(v),
  isEntityId: (v) => federation.isEntityId(v),
  isRegistrationPolicy: (v) => federation.isRegistrationPolicy(v),
  isTrustMarkType: (v) => federation.isTrustMarkType(v),
  maySpeakFor: (v) => [
    federation.maySpeakFor(v, 'id_jag', { type: 'dns_domain', value: 'a.example' }),
    federation.maySpeakFor({ [federation.VOUCHED_ISSUERS]: v }, 'id_jag', { type: 'dns_domain', value: 'a.example' }),
  ],
  missingParameters: (v) => federation.missingParameters(v),
  notBeforeOf: (v) => [federation.notBeforeOf(v), federation.notBeforeOf({ [federation.NOT_BEFORE]: v })],
  numberIn: (v) => [federation.numberIn(v, 'a'), federation.numberIn({ a: v }, 'a')],
  parseClientAssertion: (v) => federation.parseClientAssertion(v, { audience: TA, now: NOW }),
  parseConstraints: (v) => [federation.parseConstraints(v), federation.parseConstraints(v, 'constraints', { strict: false })],
  parseEntityId: (v) => federation.parseEntityId(v),
  parseEntityStatement: (v) => federation.parseEntityStatement(v, { now: NOW }),
  parseJwkSet: (v) => [federation.parseJwkSet(v), federation.parseJwkSet({ keys: v }), federation.parseJwkSet({ keys: [v] }, 'jwks', { strict: false })],
  parseJws: (v) => federation.parseJws(v, 'entity-statement+jwt'),
  parseMetadata: (v) => federation.parseMetadata(v),
  parseMetadataPolicy: (v) => [federation.parseMetadataPolicy(v), federation.parseMetadataPolicy({ t: v }), federation.parseMetadataPolicy({ t: { p: v } })],
  parsePolicyCrit: (v) => federation.parsePolicyCrit(v),
  parseVouchedIssuers: (v) => [federation.parseVouchedIssuers(v, LEAF), federation.parseVouchedIssuers([v], LEAF)],
  parseTrustMarkDelegation: (v) => federation.parseTrustMarkDelegation(v, { now: NOW, issuer: TA, type: 't' }),
  readStatusList: (v) => federation.readStatusList(v, { now: NOW, uri: TA, jwks: { keys: [] } }),
  resolveMetadata: (v) => [federation.resolveMetadata(v), federation.resolveMetadata([{ iss: LEAF, sub: LEAF, metadata: { t: {} } }, v] as never)],
  statusReference: (v) => [
    federation.statusReference(v),
    federation.statusReference({ status_list: v }),
    federation.statusReference({ status_list: { idx: v, uri: v } }),
  ],
  readStatusReference: (v) => [
    federation.readStatusReference(v),
    federation.readStatusReference({ status_list: v }),
    federation.readStatusReference({ status_list: { idx: v, uri: v } }),
  ],
  uiInfosOf: (v) => [federation.uiInfosOf(v), federation.uiInfosOf({ oauth_client: v })],
  usableKeys: (v) => [federation.usableKeys(v), federation.usableKeys({ keys: v }), federation.usableKeys({ keys: [v] })],
  validateEntityConfiguration: (v) => federation.validateEntityConfiguration(v, { now: NOW }),
  validateHistoricalKeys: (v) => federation.validateHistoricalKeys(v, issuer()),
  validateResolveResponse: (v) => federation.validateResolveResponse(v, { now: NOW, resolver: issuer(), subject: LEAF, trustAnchor: TA }),
  validateTrustChain: (v) => [
    federation.validateTrustChain(v, { anchors: {}, now: NOW }),
    federation.validateTrustChain([v, v], { anchors: {}, now: NOW }),
    federation.validateTrustChain([], { anchors: v, now: NOW }),
  ],
  validateTrustMark: (v) => federation.validateTrustMark(v, { now: NOW, subject: LEAF, issuer: issuer(), anchor: {} }),
  validateTrustMarkStatus: (v) => federation.validateTrustMarkStatus(v, { now: NOW, issuer: issuer(), trustMark: 'x' }),
  narrowMetadata: (v) => [federation.narrowMetadata(v, v), federation.narrowMetadata({ scope: 'a', jwks: v }, { scope: 'a', jwks: v, redirect_uris: v })],
  parseInitialAccessToken: (v) => federation.parseInitialAccessToken(v, { now: NOW, audience: TA }),
  parseRegistrationRequest: (v) => federation.parseRegistrationRequest(v),
  parseSoftwareStatement: (v) => federation.parseSoftwareStatement(v, { now: NOW, audience: TA }),
  readRegistrationRequest: (v) => [
    federation.readRegistrationRequest(v, { now: NOW, audience: TA, issuer: LEAF }),
    federation.readRegistrationRequest({ compact: '', header: {}, claims: v } as never, { now: NOW, audience: TA, issuer: LEAF }),
  ],
  clientMetadataIn: (v) => federation.clientMetadataIn(v),
  parseEntitlements: (v) => [
    federation.parseEntitlements(v),
    federation.parseEntitlements([v]),
    federation.parseEntitlements([{ kind: 'authorization_details_type', value: 'a', template: v }]),
  ],
  verifyEntityStatement: (v) => federation.verifyEntityStatement(v, { keys: [] }),
  verifyJws: (v) => [
    federation.verifyJws(v, { keys: [key.jwk] }),
    federation.verifyJws({ compact: 'a.b.c', header: { alg: 'ES256', kid: 'k', typ: '' }, claims: {} }, v),
  ],
};
/** What takes only what its caller made: options, signers, caches, our own words, and profiles with a test of their own. */
const CALLERS_OWN = [
  'keyFault',
  'readDraftEra',
  'parseTrustMark',
  'createKeyCache',
  'entityConfigurationUrl',
  'failure',
  'finding',
  'refuse',
  'rememberingSignatures',
  'checkProfile',
  'parseProfile',
  'signEntityConfiguration',
  'registrationEvents',
  'compactBytes',
  'unreadable',
  'entitlementPolicy',
  'withEntitlements',
  'entitlementsNarrow',
  'namespacePlace',
  'namespacesOverlap',
  'vouchingNarrows',
  'compressStatuses',
  'packStatuses',
  'statusClaim',
];
const SIGNING = [
  'signHistoricalKeys',
  'signJws',
  'signRegistrationEvents',
  'signResolveResponse',
  'signStatusList',
  'signSubordinateStatement',
  'signTrustMark',
  'signTrustMarkDelegation',
  'signTrustMarkStatus',
];

describe('whatever a stranger can have sent, every function gives a verdict: it neither throws nor hangs, and says little', () => {
  it('no function that is exported was forgotten here', () => {
    const exported = Object.entries(federation).flatMap(([name, value]) => (typeof value === 'function' ? [name] : []));
    expect(exported.filter((name) => !(name in FUNCTIONS)).sort()).toEqual([...CALLERS_OWN, ...SIGNING].sort());
  });
  const small = (verdicts: readonly unknown[]) => {
    for (const verdict of verdicts) {
      const findings = (
        Array.isArray(verdict) ? verdict : ((verdict as { findings?: readonly unknown[] } | undefined)?.findings ?? [])
      ) as readonly federation.Finding[];
      if (findings.length === 0 || typeof findings[0]?.code !== 'string') continue;
      expect(findings.length).toBeLessThanOrEqual(limits.MAX_FINDINGS * 2);
      expect(JSON.stringify(findings).length).toBeLessThan(150_000);
    }
  };
  it.each(Object.keys(FUNCTIONS))('%s, given each kind of junk', async (name) => {
    for (const value of JUNK) small(await Promise.all([FUNCTIONS[name]?.(value as never)].flat()));
  });
  it.each(Object.keys(FUNCTIONS))('%s, given anything', async (name) => {
    await fc.assert(
      fc.asyncProperty(shaped, async (value) => small(await Promise.all([FUNCTIONS[name]?.(value as never)].flat()))),
      { numRuns: 100 },
    );
  });
  it('signed junk in the place of each claim of each kind of JWT', async () => {
    const claims = [
      'iss',
      'sub',
      'iat',
      'exp',
      'nbf',
      'jwks',
      'metadata',
      'crit',
      'authority_hints',
      'trust_anchor_hints',
      'trust_marks',
      'trust_mark_issuers',
      'trust_mark_owners',
    ];
    const more = [
      'constraints',
      'metadata_policy',
      'metadata_policy_crit',
      'source_endpoint',
      'registration_policy',
      'aud',
      'jti',
      'keys',
      'trust_chain',
      'trust_mark',
      'status',
      'delegation',
    ];
    const values = [null, 5, -1, 1.5, '', 'x', [], [null], [[]], [{}], {}, { a: null }, { a: [5] }, { a: { b: null } }, { a: { sub: 5, jwks: [] } }, true];
    const base = {
      iss: TA,
      sub: TA,
      iat: NOW,
      exp: NOW + 60,
      jwks: { keys: [key.jwk] },
      metadata: { t: {} },
      trust_mark_type: 't',
      trust_mark: 'x',
      status: 'active',
      keys: [],
      jti: 'a',
      aud: TA,
    };
    const kinds = [
      'entity-statement+jwt',
      'trust-mark+jwt',
      'trust-mark-delegation+jwt',
      'trust-mark-status-response+jwt',
      'resolve-response+jwt',
      'jwk-set+jwt',
      'JWT',
    ];
    const readers = [
      'parseEntityStatement',
      'validateTrustMark',
      'parseTrustMarkDelegation',
      'validateTrustMarkStatus',
      'validateResolveResponse',
      'validateHistoricalKeys',
      'parseClientAssertion',
    ];
    for (const [at, typ] of kinds.entries()) {
      for (const claim of [...claims, ...more]) {
        for (const value of values)
          small(await Promise.all([FUNCTIONS[readers[at] ?? '']?.((await key.jwt({ ...base, [claim]: value }, { typ })) as never)].flat()));
      }
    }
  });
});

describe('a caller without a clock is told so', () => {
  const CLOCKED: Readonly<Record<string, (options: never) => unknown>> = {
    checkTrustChainHeaders: (o: object) => federation.checkTrustChainHeaders({}, { trust_chain: LEAF }, { anchors: {}, ...o } as never),
    parseClientAssertion: (o: object) => federation.parseClientAssertion('x', { audience: TA, ...o } as never),
    parseEntityStatement: (o: object) => federation.parseEntityStatement('x', o as never),
    parseTrustMarkDelegation: (o: object) => federation.parseTrustMarkDelegation('x', { issuer: TA, type: 't', ...o } as never),
    validateEntityConfiguration: (o: object) => federation.validateEntityConfiguration('x', o as never),
    validateResolveResponse: (o: object) => federation.validateResolveResponse('x', { resolver: issuer(), subject: LEAF, trustAnchor: TA, ...o } as never),
    validateTrustChain: (o: object) => federation.validateTrustChain([], { anchors: {}, ...o } as never),
    validateTrustMark: (o: object) => federation.validateTrustMark('x', { subject: LEAF, issuer: issuer(), anchor: {}, ...o } as never),
    validateTrustMarkStatus: (o: object) => federation.validateTrustMarkStatus('x', { issuer: issuer(), trustMark: 'x', ...o } as never),
  };
  it.each(Object.keys(CLOCKED))('%s throws a TypeError for each now that is none', async (name) => {
    for (const options of [
      {},
      { now: undefined },
      { now: Number.NaN },
      { now: Number.POSITIVE_INFINITY },
      { now: '1800000000' },
      { now: null },
      { now: new Date() },
    ])
      await expect(async () => CLOCKED[name]?.(options as never)).rejects.toThrow(TypeError);
  });
  it('TC-07: a chain that ended in 1970 is not valid for anybody', async () => {
    const old = { iat: 1, exp: 2 };
    const chain = await world.chain({ claims: { 0: old, 1: old, 2: old, 3: old } });
    await expect(federation.validateTrustChain(chain, { anchors: world.anchors } as never)).rejects.toThrow(/now/);
  });
});

describe('signatures before algebra', () => {
  const validate = async (chain: string[]) => {
    const result = await federation.validateTrustChain(chain, { anchors: world.anchors, now: NOW });
    return result.ok ? ['valid'] : result.findings.map(({ code }) => code);
  };
  const algebra = { metadata_policy: { openid_relying_party: { p: { one_of: ['a'] } } } };
  const constraint = { constraints: { naming_constraints: { permitted: ['.nowhere.example'] } } };
  it.each([0, 1, 2, 3])('TC-08: a flaw in the signature of ES[%i] is all that is said, whatever policies and constraints hold', async (n) => {
    const chain = await world.chain({ claims: { 1: { ...algebra, ...constraint }, 2: { ...algebra, ...constraint } } });
    expect(await validate(chain)).toContain('name_not_permitted');
    chain[n] = flipSignature(chain[n] as string);
    expect(await validate(chain)).toEqual(['signature_invalid']);
  });
  const words = (n: number, prefix: string) => Array.from({ length: n }, (_, k) => `${prefix}${k.toString(36)}`);
  /** Milliseconds of the fastest of some runs. */
  const best = async (run: () => unknown) => {
    let fastest = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 5; round++) {
      const started = performance.now();
      await run();
      fastest = Math.min(fastest, performance.now() - started);
    }
    return fastest;
  };
  it('twice the values of a policy cost about twice, not four times', async () => {
    const merge = (n: number) => {
      const operators = (prefix: string) => ({
        t: Object.fromEntries(words(Math.ceil(n / 1000), 'p').map((p) => [p, { add: words(1000, prefix), subset_of: words(1000, prefix) }])),
      });
      const policies = [operators('a'), operators('a')];
      return () => federation.combineMetadataPolicies(policies);
    };
    // What costs four times does so at every look; one at which somebody else had the processor proves nothing.
    let within = false;
    for (let look = 0; look < 4 && !within; look++) {
      const [one, two] = [await best(merge(20_000)), await best(merge(40_000))];
      within = two < one * 3.2 + 10;
    }
    expect(within).toBe(true);
    const objects = (n: number) => Array.from({ length: n }, (_, a) => ({ a }));
    const metadata = { t: { p: objects(4000) } };
    expect(await best(() => federation.applyMetadataPolicy({ t: { p: { subset_of: objects(1000), superset_of: objects(1000) } } }, metadata))).toBeLessThan(
      250,
    );
  });
  it('an unsigned statement of 256 KiB is refused or read in a moment, whatever fills it', async () => {
    const base = { iss: LEAF, sub: LEAF, iat: NOW, exp: NOW + 60, jwks: { keys: [key.jwk] } };
    const about = { ...base, iss: INTERMEDIATE };
    const full = (make: (items: unknown[]) => object, item: (n: number) => unknown) => {
      const each = JSON.stringify(item(10_000)).length + 1;
      return make(Array.from({ length: Math.floor(185_000 / each) }, (_, n) => item(n)));
    };
    const members = (items: unknown[]) => Object.fromEntries(items.map((name) => [name, null]));
    const unsigned = (claims: object) => {
      const part = (value: object) => btoa(JSON.stringify(value)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
      return `${part({ alg: 'ES256', kid: key.kid, typ: 'entity-statement+jwt' })}.${part(claims)}.AAAA`;
    };
    const name = (n: number) => `x${n}`;
    const statements = [
      full(
        (x) => ({ ...base, authority_hints: x }),
        (n) => `https://a${n}.example`,
      ),
      full(
        (x) => ({ ...base, authority_hints: x }),
        () => 5,
      ),
      full(
        (x) => ({ ...base, trust_mark_issuers: { t: x } }),
        (n) => `https://a${n}`,
      ),
      full((x) => ({ ...base, trust_mark_issuers: members(x) }), name),
      full(
        (x) => ({ ...base, trust_marks: x }),
        () => ({ trust_mark_type: 't', trust_mark: 'e30.e30.e30' }),
      ),
      full(
        (x) => ({ ...base, trust_marks: x }),
        () => 5,
      ),
      full((x) => ({ ...base, crit: x }), name),
      full((x) => ({ ...base, metadata: { t: members(x) } }), name),
      full((x) => ({ ...base, metadata: members(x) }), name),
      full(
        (x) => ({ ...base, jwks: { keys: x } }),
        () => ({}),
      ),
      full(
        (x) => ({ ...base, junk: x }),
        () => [[[[[[[]]]]]]],
      ),
      full(
        (x) => ({ ...base, junk: x }),
        () => ({ a: 1, b: 2 }),
      ),
      full(
        (x) => ({ ...base, junk: x }),
        () => '\n',
      ),
      full((x) => ({ ...base, metadata_policy: { t: { p: { one_of: x } } } }), name),
      full(
        (x) => ({ ...about, metadata_policy: { t: { p: { subset_of: x, superset_of: x } } } }),
        (a) => ({ a }),
      ),
      full((x) => ({ ...about, metadata_policy: { t: members(x) } }), name),
      full((x) => ({ ...about, metadata_policy_crit: x }), name),
      full((x) => ({ ...about, constraints: { naming_constraints: { permitted: x, excluded: x } } }), name),
      full(
        (x) => ({ ...about, constraints: { registration_policy: x } }),
        () => ({ policy: ['u:a'] }),
      ),
      full(
        (x) => ({ ...about, crit: ['registration_policy'], registration_policy: x }),
        (n) => `u:${n}`,
      ),
    ].map(unsigned);
    for (const [n, compact] of statements.entries())
      expect(await best(() => federation.parseEntityStatement(compact, { now: NOW })), `statement ${n}`).toBeLessThan(100);
  });
});

describe('TC-13: what was verified once in a walk is not verified again', () => {
  it('signatures are remembered by token and key, and the memory is what is asked', async () => {
    const cache = federation.rememberingSignatures(federation.createKeyCache());
    const chain = await world.chain();
    const validate = () => federation.validateTrustChain(chain, { anchors: world.anchors, now: NOW, keyCache: cache });
    expect((await validate()).ok).toBe(true);
    expect(cache.signatures?.size).toBe(4);
    for (const known of cache.signatures?.keys() ?? []) cache.signatures?.set(known, Promise.resolve(false));
    expect(await validate()).toMatchObject({ ok: false, findings: expect.arrayContaining([expect.objectContaining({ code: 'signature_invalid' })]) });
    expect(cache.signatures?.size).toBe(4);
  });
});
