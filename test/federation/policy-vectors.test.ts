import { describe, expect, it } from 'vitest';
import { OPERATORS } from '../../src/federation/metadata-policy/operators.js';
import { applyMetadataPolicy, combineMetadataPolicies, type EntityStatementClaims, resolveMetadata } from '../../src/federation/entry.js';

/** The worked examples W01 to W36. Order inside arrays is not significant. */
const ERROR = Symbol('policy error');
const ABSENT = undefined;
type Case = readonly [
  id: string,
  parameter: string,
  policies: readonly object[],
  outcomes: readonly (readonly [before: unknown, after: unknown])[],
  point: string,
];

const CASES: readonly Case[] = [
  [
    'W01 MP-14',
    'token_endpoint_auth_signing_alg',
    [{ one_of: ['ES256', 'PS256', 'RS256'] }, { one_of: ['PS256', 'EdDSA'] }],
    [
      ['PS256', 'PS256'],
      ['RS256', ERROR],
      [ABSENT, ABSENT],
    ],
    'one_of merges to the intersection; nothing forces presence',
  ],
  [
    'W02 MP-21',
    'id_token_signed_response_alg',
    [{ one_of: ['ES256'] }, { one_of: ['RS256'] }],
    [[ABSENT, ERROR]],
    'an empty one_of intersection fails though the parameter is absent',
  ],
  [
    'W03 MP-16 MP-21 trap 6',
    'grant_types',
    [{ subset_of: ['a', 'b'] }, { subset_of: ['c'] }],
    [
      [['a'], []],
      [ABSENT, ABSENT],
    ],
    'an empty subset_of intersection is legal, the result is []',
  ],
  [
    'W04 MP-20 trap 6',
    'grant_types',
    [{ subset_of: ['a', 'b'], essential: true }],
    [
      [['d', 'e'], []],
      [['a', 'e'], ['a']],
      [ABSENT, ERROR],
    ],
    '[] satisfies essential, absence does not',
  ],
  ['W05 MP-20', 'grant_types', [{ subset_of: ['a', 'b'], essential: false }], [[ABSENT, ABSENT]], 'essential false skips an absent parameter'],
  [
    'W06 MP-06 MP-05',
    'logo_uri',
    [{ value: null }, { value: null, essential: false }],
    [
      ['https://x.example/l.png', ABSENT],
      [ABSENT, ABSENT],
    ],
    'null removes',
  ],
  [
    'W07 MP-09 MP-30',
    'logo_uri',
    [{ value: null }, { essential: true }],
    [['https://x.example/l.png', ERROR]],
    'null against essential true from below fails at merge',
  ],
  ['W08 MP-09', 'logo_uri', [{ value: null, default: 'https://x.example/l.png' }], [[ABSENT, ERROR]], 'null with default is not combinable'],
  ['W09 MP-21', 'subject_type', [{ value: 'pairwise' }, { value: 'public' }], [['pairwise', ERROR]], 'value merges only when equal'],
  [
    'W10 MP-08',
    'response_types',
    [{ value: ['code'] }, { subset_of: ['code', 'token'] }],
    [
      [['token'], ['code']],
      [ABSENT, ['code']],
    ],
    'value overwrites; a wider subset_of below is satisfied',
  ],
  [
    'W11 MP-08 trap 7',
    'response_types',
    [{ value: ['code', 'token'] }, { subset_of: ['code'] }],
    [[['code'], ERROR]],
    'value is checked against subset_of, never trimmed',
  ],
  [
    'W12 MP-08',
    'subject_type',
    [{ value: 'public', one_of: ['public', 'pairwise'] }, { one_of: ['pairwise'] }],
    [['public', ERROR]],
    'value outside one_of after the merge fails',
  ],
  [
    'W13 MP-10 MP-21',
    'contacts',
    [{ add: ['a@x'] }, { add: ['b@x'] }],
    [
      [
        ['c@x', 'a@x'],
        ['c@x', 'a@x', 'b@x'],
      ],
      [ABSENT, ['a@x', 'b@x']],
    ],
    'add gives the union, without duplicates, and creates',
  ],
  ['W14 MP-11 trap 8', 'grant_types', [{ subset_of: ['a', 'b'] }, { add: ['c'] }], [[['a'], ERROR]], 'add outside subset_of fails at combination'],
  [
    'W15 MP-22',
    'grant_types',
    [{ subset_of: ['a', 'b'] }, { add: ['b'] }],
    [
      [
        ['a', 'x'],
        ['a', 'b'],
      ],
      [ABSENT, ['b']],
    ],
    'add runs first, then subset_of trims',
  ],
  ['W16 MP-11 MP-13', 'contacts', [{ add: ['a@x'], default: ['d@x'] }], [[ABSENT, ['a@x']]], 'an absent parameter is created by add, default is pointless'],
  ['W17 MP-11 MP-15 trap 8', 'contacts', [{ add: ['a'] }, { one_of: ['a', 'b'] }], [[ABSENT, ERROR]], 'add never combines with one_of'],
  ['W18 MP-15', 'response_types', [{ one_of: ['a'], subset_of: ['a'] }], [[ABSENT, ERROR]], 'one_of never combines with subset_of'],
  [
    'W19 MP-13',
    'token_endpoint_auth_signing_alg',
    [{ default: 'HS256', one_of: ['ES256'] }],
    [
      ['ES256', 'ES256'],
      [ABSENT, ERROR],
    ],
    'a default outside one_of is legal until it is used',
  ],
  [
    'W20 MP-13 MP-22',
    'grant_types',
    [{ default: ['a', 'z'] }, { subset_of: ['a', 'b'] }],
    [
      [ABSENT, ['a']],
      [['b', 'q'], ['b']],
    ],
    'a default is trimmed by subset_of',
  ],
  ['W21 MP-21', 'grant_types', [{ default: ['a'] }, { default: ['a', 'b'] }], [[['a'], ERROR]], 'defaults merge only when equal'],
  [
    'W22 MP-18 MP-21',
    'grant_types',
    [{ superset_of: ['a'] }, { superset_of: ['b'] }],
    [
      [
        ['a', 'b', 'c'],
        ['a', 'b', 'c'],
      ],
      [['a', 'c'], ERROR],
      [ABSENT, ABSENT],
    ],
    'superset_of merges to the union and only checks',
  ],
  [
    'W23 MP-22',
    'grant_types',
    [{ subset_of: ['a', 'b'], superset_of: ['a', 'b'] }],
    [
      [
        ['b', 'a', 'c'],
        ['b', 'a'],
      ],
      [['a', 'c'], ERROR],
    ],
    'subset_of trims first, superset_of then checks what is left',
  ],
  [
    'W24 MP-17',
    'grant_types',
    [{ superset_of: ['a', 'b'] }, { subset_of: ['a'] }],
    [[['a', 'b'], ERROR]],
    'a subset_of below that drops a superset_of value fails at merge',
  ],
  [
    'W25 MP-21',
    'jwks_uri',
    [{ essential: true }, { essential: false }],
    [
      [ABSENT, ERROR],
      ['https://x.example/k', 'https://x.example/k'],
    ],
    'essential is OR-ed; false below cannot undo it',
  ],
  [
    'W26 MP-14 MP-03',
    'grant_types',
    [{ one_of: ['a'] }],
    [
      [['a'], ERROR],
      ['a', 'a'],
    ],
    'one_of meeting an array is a type error',
  ],
  [
    'W27 MP-24',
    'scope',
    [{ subset_of: ['openid', 'profile'], superset_of: ['openid'] }],
    [
      ['profile email openid', 'profile openid'],
      ['email profile', ERROR],
    ],
    'scope is split, processed and joined',
  ],
  [
    'W28 MP-24',
    'scope',
    [{ add: ['openid'] }],
    [
      ['email', 'email openid'],
      [ABSENT, 'openid'],
    ],
    'scope: add takes an array and the result is a string again',
  ],
];

const sorted = (value: unknown) => (Array.isArray(value) ? [...value].sort() : value);

function run(parameter: string, policies: readonly object[], before: unknown): unknown {
  const merged = combineMetadataPolicies(policies.map((policy) => ({ openid_relying_party: { [parameter]: policy } })));
  if (!merged.ok) return ERROR;
  const metadata = { openid_relying_party: before === undefined ? {} : { [parameter]: before } };
  const applied = applyMetadataPolicy(merged.value, metadata);
  return applied.ok ? applied.value['openid_relying_party']?.[parameter] : ERROR;
}

describe.each(CASES)('%s %s', (_id, parameter, policies, outcomes, point) => {
  it.each(outcomes.map(([before, after]) => ({ before, after })))(`${point}: $before`, ({ before, after }) => {
    expect(sorted(run(parameter, policies, before))).toEqual(sorted(after));
  });
});

type Level = { metadata?: object; metadata_policy?: object; metadata_policy_crit?: string[]; constraints?: object };
/** A chain of claims around the subject's metadata; `ta` is the anchor's statement, `i` the Intermediate's below it. */
function resolve(metadata: object, { ta, i, superior }: { ta?: Level; i?: Level; superior?: Level }): unknown {
  const about = (iss: string, sub: string, level: Level = {}) =>
    ({ iss: `https://${iss}.example`, sub: `https://${sub}.example`, ...level }) as unknown as EntityStatementClaims;
  const lowest = { ...i, ...superior };
  const chain = [about('a', 'a', { metadata }), ...(i ? [about('i', 'a', lowest), about('ta', 'i', ta)] : [about('ta', 'a', { ...ta, ...superior })])];
  const result = resolveMetadata(chain);
  return result.ok ? result.value : ERROR;
}

describe('cases with more than one parameter or claim', () => {
  it('W29 SS-07 MP-32 trap 11: the superior’s metadata overrides first, then policy judges the override', () => {
    const superior = {
      metadata: { openid_relying_party: { token_endpoint_auth_method: 'client_secret_basic' }, openid_provider: { issuer: 'https://a.example' } },
    };
    const ta = { metadata_policy: { openid_relying_party: { token_endpoint_auth_method: { one_of: ['private_key_jwt'] } } } };
    expect(resolve({ openid_relying_party: { token_endpoint_auth_method: 'private_key_jwt' } }, { ta, superior })).toBe(ERROR);
  });

  it('W30 SS-04 SS-06 trap 10: without policy a plain override, and no new type', () => {
    const superior = {
      metadata: { openid_relying_party: { token_endpoint_auth_method: 'client_secret_basic' }, openid_provider: { issuer: 'https://a.example' } },
    };
    const before = { openid_relying_party: { token_endpoint_auth_method: 'private_key_jwt', client_name: 'A' } };
    expect(resolve(before, { superior })).toEqual({ openid_relying_party: { token_endpoint_auth_method: 'client_secret_basic', client_name: 'A' } });
  });

  it('SS-05 trap 10: metadata in the statement about an Intermediate does not reach the leaf', () => {
    const before = { openid_relying_party: { client_name: 'A' } };
    expect(resolve(before, { ta: { metadata: { openid_relying_party: { client_name: 'B' } } }, i: {} })).toEqual(before);
  });

  it('W31 CO-09 CO-11 trap 11: a type that is not allowed is removed before policy runs', () => {
    const before = { openid_relying_party: {}, openid_provider: { issuer: 'https://a.example' }, federation_entity: { organization_name: 'A' } };
    const ta = { constraints: { allowed_entity_types: ['openid_provider'] }, metadata_policy: { openid_relying_party: { jwks_uri: { essential: true } } } };
    expect(resolve(before, { ta })).toEqual({ openid_provider: { issuer: 'https://a.example' }, federation_entity: { organization_name: 'A' } });
  });

  it('W32 MP-33: a declared but empty type is filled by policy, an undeclared one is not created', () => {
    const ta = {
      metadata_policy: {
        openid_relying_party: { grant_types: { default: ['authorization_code'] }, contacts: { add: ['h@x'] } },
        oauth_client: { grant_types: { value: ['client_credentials'] } },
      },
    };
    expect(resolve({ openid_relying_party: {} }, { ta })).toEqual({ openid_relying_party: { grant_types: ['authorization_code'], contacts: ['h@x'] } });
  });

  it('W33 MP-02: a language-tagged policy leaves the plain parameter alone', () => {
    const ta = { metadata_policy: { openid_relying_party: { 'client_name#de': { value: null } } } };
    expect(resolve({ openid_relying_party: { client_name: 'A', 'client_name#de': 'B' } }, { ta })).toEqual({ openid_relying_party: { client_name: 'A' } });
  });

  const policyUri = { openid_relying_party: { policy_uri: 'https://a.example/p' } };
  it('W34 MP-26: an unknown operator that nobody declares critical is ignored, the others still run', () => {
    const ta = { metadata_policy: { openid_relying_party: { policy_uri: { regexp: '^nope$', essential: true } } } };
    expect(resolve(policyUri, { ta })).toEqual(policyUri);
    expect(resolve({ openid_relying_party: {} }, { ta })).toBe(ERROR);
  });

  it('W35 MP-26 MP-27 SS-09 trap 9: critical in one statement, the chain fails for the use in another', () => {
    const ta = { metadata_policy: { openid_relying_party: { policy_uri: { regexp: '^nope$' } } } };
    const i = { metadata_policy: { openid_relying_party: { contacts: { add: ['h@x'] } } }, metadata_policy_crit: ['regexp'] };
    expect(resolve(policyUri, { ta, i })).toBe(ERROR);
    expect(resolve(policyUri, { i: { metadata_policy_crit: ['unused'] } }), 'an unused unknown name still kills the chain').toBe(ERROR);
  });

  it('W36 MP-28 MP-29 MP-32 trap 5: three levels together', () => {
    const before = {
      openid_relying_party: {
        redirect_uris: ['https://a.example/cb'],
        grant_types: ['authorization_code', 'implicit'],
        token_endpoint_auth_method: 'private_key_jwt',
      },
    };
    const superior = { metadata: { openid_relying_party: { policy_uri: 'https://org.example/p' } } };
    const ta = {
      metadata_policy: {
        openid_relying_party: {
          grant_types: { subset_of: ['authorization_code', 'refresh_token'], superset_of: ['authorization_code'] },
          token_endpoint_auth_method: { one_of: ['private_key_jwt', 'tls_client_auth'], essential: true },
          subject_type: { value: 'pairwise' },
        },
      },
    };
    const i = {
      metadata_policy: {
        openid_relying_party: {
          grant_types: { subset_of: ['authorization_code'] },
          token_endpoint_auth_method: { one_of: ['private_key_jwt'] },
          contacts: { add: ['h@org.example'] },
        },
      },
    };
    expect(resolve(before, { ta, i, superior })).toEqual({
      openid_relying_party: {
        redirect_uris: ['https://a.example/cb'],
        grant_types: ['authorization_code'],
        token_endpoint_auth_method: 'private_key_jwt',
        policy_uri: 'https://org.example/p',
        subject_type: 'pairwise',
        contacts: ['h@org.example'],
      },
    });
  });

  it('MP-28 trap 5: an Intermediate cannot loosen what the anchor set', () => {
    const ta = { metadata_policy: { openid_relying_party: { grant_types: { subset_of: ['a'] } } } };
    const i = { metadata_policy: { openid_relying_party: { grant_types: { subset_of: ['a', 'b'] } } } };
    expect(resolve({ openid_relying_party: { grant_types: ['a', 'b'] } }, { ta, i })).toEqual({ openid_relying_party: { grant_types: ['a'] } });
  });
});

describe('operator types and structure', () => {
  const bad = (operators: unknown, before?: unknown) => run('p', [operators as object], before);
  it.each([
    ['MP-01 an empty Entity Type', { openid_provider: {} }],
    ['MP-01 an empty parameter', { openid_provider: { issuer: {} } }],
    ['MP-01 no Entity Type', {}],
    ['MP-01 a parameter that is no object', { openid_provider: { issuer: 'x' } }],
    ['MP-01 a policy that is no object', ['x']],
  ])('%s is malformed', (_title, policy) => {
    expect(combineMetadataPolicies([policy])).toMatchObject({ ok: false, findings: [{ code: 'policy_malformed', clause: 'OpenID Federation 1.0 §6.1.2' }] });
  });

  it.each([
    ['MP-19 add a string', { add: 'a' }],
    ['MP-19 subset_of a string', { subset_of: 'a' }],
    ['MP-19 superset_of null', { superset_of: null }],
    ['MP-19 add booleans', { add: [true] }],
    ['MP-14 one_of a string', { one_of: 'a' }],
    ['MP-12 default null', { default: null }],
    ['MP-20 essential as a string', { essential: 'true' }],
  ])('%s is a type error', (_title, operators) => {
    expect(combineMetadataPolicies([{ t: { p: operators } }])).toMatchObject({ ok: false, findings: [{ code: 'policy_operator_type' }] });
  });

  it.each([
    ['MP-03 add to a string', { add: ['a'] }, 'a'],
    ['MP-03 subset_of a number', { subset_of: ['a'] }, 5],
    ['MP-03 superset_of an object', { superset_of: ['a'] }, { a: 1 }],
    ['MP-03 one_of a boolean', { one_of: ['a'] }, true],
  ])('%s is a policy error at application', (_title, operators, before) => expect(bad(operators, before)).toBe(ERROR));

  it.each([
    ['MP-07 value lacks add', { value: ['a'], add: ['b'] }],
    ['MP-07 value lacks superset_of', { value: ['a'], superset_of: ['b'] }],
    ['MP-08 value outside one_of', { value: 'a', one_of: ['b'] }],
    ['MP-08 value outside subset_of', { value: ['a'], subset_of: ['b'] }],
    ['MP-09 null with essential true', { value: null, essential: true }],
    ['MP-11 add outside subset_of', { add: ['a'], subset_of: ['b'] }],
    ['MP-15 one_of with superset_of', { one_of: ['a'], superset_of: ['a'] }],
    ['MP-17 subset_of lacks superset_of', { subset_of: ['a'], superset_of: ['b'] }],
  ])('%s does not combine (MP-04: in a single policy already)', (_title, operators) => {
    expect(combineMetadataPolicies([{ t: { p: operators } }])).toMatchObject({ ok: false, findings: [{ code: 'policy_combination' }] });
  });

  it('MP-03: operator names are case-sensitive; another case is another, unknown operator', () => expect(bad({ VALUE: 'x' }, 'y')).toBe('y'));
  it.each([
    ['a string', 'x'],
    ['a number', 5],
    ['a boolean', false],
    ['an array', ['x']],
  ])('MP-06: value sets %s', (_title, value) => expect(bad({ value }, 'before')).toEqual(value));
  it.each([
    ['a string', 'x'],
    ['a number', 5],
    ['a boolean', false],
    ['an array', ['x']],
  ])('MP-12: default sets %s where nothing is, and leaves what is there', (_title, value) => {
    expect(bad({ default: value })).toEqual(value);
    expect(bad({ default: value }, 'there')).toBe('there');
  });
  it('MP-19: arrays of objects are compared as JSON', () => expect(bad({ subset_of: [{ a: 1, b: 2 }] }, [{ b: 2, a: 1 }, { a: 2 }])).toEqual([{ b: 2, a: 1 }]));
  it('MP-20: essential accepts [] and false as present', () => {
    expect(bad({ essential: true }, [])).toEqual([]);
    expect(bad({ essential: true }, false)).toBe(false);
  });
  it('SS-09: a standard operator among the critical names is an error', () => {
    expect(combineMetadataPolicies([], { crit: ['value'] })).toMatchObject({ ok: false, findings: [{ code: 'policy_crit_invalid' }] });
  });
  it('MP-21 U8: equal elements in another order do not merge, and the finding says so', () => {
    const result = combineMetadataPolicies([{ t: { p: { value: ['a', 'b'] } } }, { t: { p: { value: ['b', 'a'] } } }]);
    expect(result).toMatchObject({ ok: false, findings: [{ code: 'policy_merge', detail: expect.stringContaining('another order') }] });
  });
  it.each([
    ['W07', { value: null }, { essential: true }],
    ['W11', { value: ['code', 'token'] }, { subset_of: ['code'] }],
    ['W14', { subset_of: ['a', 'b'] }, { add: ['c'] }],
    ['W17', { add: ['a'] }, { one_of: ['a', 'b'] }],
    ['W24', { superset_of: ['a', 'b'] }, { subset_of: ['a'] }],
  ])('MP-30 %s: what may not stand together after a merge is refused by the merge itself', (_title, superior, subordinate) => {
    expect(combineMetadataPolicies([{ t: { p: superior } }, { t: { p: subordinate } }])).toMatchObject({
      ok: false,
      findings: [{ code: 'policy_combination' }],
    });
  });
  it('MP-22 MP-25: value runs first and essential last; between them nothing of ours is added', () => {
    expect([...OPERATORS.keys()]).toEqual(['value', 'add', 'default', 'one_of', 'subset_of', 'superset_of', 'essential']);
  });
  it('every fault is reported with its place, not only the first', () => {
    const result = combineMetadataPolicies([{ t: { p: { one_of: ['a'], add: ['a'] }, q: { essential: 1 } } }]);
    expect(result).toMatchObject({
      ok: false,
      findings: [{ where: 'policy 1 of 1: metadata_policy/t/p' }, { where: 'policy 1 of 1: metadata_policy/t/q/essential' }],
    });
  });
});
