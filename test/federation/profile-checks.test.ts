import { describe, expect, it } from 'vitest';
import { outcomeOf } from '../../src/federation/profile-checks.js';

const ID = 'https://e.example';
const UP = 'https://up.example';
interface Given {
  readonly claims?: object;
  readonly alg?: string;
  readonly evidence?: object;
}
/** The very words: they go into findings that people read. */
const found = (check: object, metadata: object | undefined, { claims = {}, alg = 'ES256', evidence = {} }: Given = {}) => {
  const statement = {
    claims: { iss: ID, sub: ID, iat: 100, exp: 200, jwks: { keys: [] }, ...(metadata && { metadata }), ...claims },
    header: { alg, kid: 'k', typ: 'x' },
  };
  const outcome = outcomeOf(check as never, statement as never, evidence as never);
  return 'unchecked' in outcome ? outcome : outcome.map((fault) => fault.join(': '));
};
const two = { a: { x: 1 }, b: { x: 2, y: 3 } };

describe('parameters', () => {
  it('present: of each type that is there, each that is missing; zero, false and empty are values', () => {
    const present = (types: string[], parameters: string[], metadata: object | undefined = two) =>
      found({ kind: 'parameters_present', types, parameters }, metadata);
    expect(present(['a', 'b', 'c'], ['x', 'y'])).toEqual(['metadata/a/y: it is missing']);
    expect(present(['*'], ['z', 'y'])).toEqual(['metadata/a/z: it is missing', 'metadata/a/y: it is missing', 'metadata/b/z: it is missing']);
    expect(present(['a'], ['x', 'y', 'z'], { a: { x: 0, y: false, z: '' } })).toEqual([]);
    expect(present(['toString'], ['x'])).toEqual([]);
    expect(present(['*'], ['x'], undefined)).toEqual([]);
  });
  it('absent: each that is there', () => {
    const absent = (types: string[], parameters: string[]) => found({ kind: 'parameters_absent', types, parameters }, two);
    expect(absent(['a', 'b', 'c'], ['x', 'y'])).toEqual(['metadata/a/x: it is there', 'metadata/b/x: it is there', 'metadata/b/y: it is there']);
    expect(absent(['*'], ['z'])).toEqual([]);
    expect(found({ kind: 'parameters_absent', types: ['a'], parameters: ['x'] }, { a: { x: false } })).toEqual(['metadata/a/x: it is there']);
  });
  it('one of them', () => {
    const one = (types: string[], parameters: string[]) => found({ kind: 'one_of_parameters', types, parameters }, two);
    expect(one(['a', 'b', 'c'], ['y', 'z'])).toEqual(['metadata/a: there is none of y, z']);
    expect(one(['*'], ['x', 'z'])).toEqual([]);
    expect(one(['*'], ['z'])).toEqual(['metadata/a: there is none of z', 'metadata/b: there is none of z']);
  });
  it('values among: each value that is none of them, alone or in a list; nothing where the parameter is absent', () => {
    const among = (value: unknown, values = ['p', 'q']) => found({ kind: 'values_among', types: ['a', 'b'], parameter: 'x', values }, { a: { x: value } });
    expect([among(undefined), among('p'), among(['q', 'p']), among([])]).toEqual([[], [], [], []]);
    expect(among('r')).toEqual(['metadata/a/x: it has "r"']);
    expect(among(['p', 'r', 5, null])).toEqual(['metadata/a/x: it has "r"', 'metadata/a/x: it has 5', 'metadata/a/x: it has null']);
    expect(among({ p: 1 })).toEqual(['metadata/a/x: it has {"p":1}']);
    expect(among(5, ['5'])).toEqual(['metadata/a/x: it has 5']);
    expect(among('r'.repeat(200))).toEqual([`metadata/a/x: it has "${'r'.repeat(79)}`]);
  });
  it('values contain: all of them together in one fault; a single text counts as a list of one', () => {
    const contain = (value: unknown) => found({ kind: 'values_contain', types: ['a'], parameter: 'x', values: ['p', 'q'] }, { a: { x: value } });
    expect([contain(undefined), contain(['q', 'p', 'r'])]).toEqual([[], []]);
    expect(contain('p')).toEqual(['metadata/a/x: it lacks q']);
    expect(contain(['r'])).toEqual(['metadata/a/x: it lacks p, q']);
    expect(found({ kind: 'values_contain', types: ['*'], parameter: 'x', values: ['p'] }, { a: { x: 'q' }, b: { x: 'p' } })).toEqual([
      'metadata/a/x: it lacks p',
    ]);
  });
  it('a value: this one and of this type', () => {
    const equals = (value: unknown, wanted: unknown) => found({ kind: 'value_equals', types: ['a'], parameter: 'x', value: wanted }, { a: { x: value } });
    expect([equals(undefined, 'p'), equals('p', 'p'), equals(1, 1), equals(false, false)]).toEqual([[], [], [], []]);
    expect(equals('1', 1)).toEqual(['metadata/a/x: it is "1"']);
    expect(equals(true, false)).toEqual(['metadata/a/x: it is true']);
    expect(equals(['p'], 'p')).toEqual(['metadata/a/x: it is ["p"]']);
    expect(found({ kind: 'value_equals', types: ['b'], parameter: 'x', value: 'p' }, { a: { x: 'q' } })).toEqual([]);
  });
});

describe('Entity Types', () => {
  it('present, one of, absent, among, apart', () => {
    expect(found({ kind: 'types_present', types: ['a', 'c', 'd'] }, two)).toEqual(['metadata/c: it is missing', 'metadata/d: it is missing']);
    expect(found({ kind: 'one_of_types', types: ['c', 'a'] }, two)).toEqual([]);
    expect(found({ kind: 'one_of_types', types: ['c', 'd'] }, two)).toEqual(['metadata: there is none of c, d']);
    expect(found({ kind: 'types_absent', types: ['b', 'c'] }, two)).toEqual(['metadata/b: the entity has this type']);
    expect(found({ kind: 'types_absent', types: ['*'] }, two)).toHaveLength(2);
    expect(found({ kind: 'types_among', types: ['a'] }, two)).toEqual(['metadata/b: it is none of the types of this federation']);
    expect(found({ kind: 'types_among', types: ['a', 'b', 'c'] }, two)).toEqual([]);
    expect(found({ kind: 'types_apart', types: ['a', 'c'], from: ['b', 'd'] }, two)).toEqual(['metadata/a: the entity is b as well']);
    expect(found({ kind: 'types_apart', types: ['a'], from: ['d'] }, two)).toEqual([]);
    expect(found({ kind: 'types_apart', types: ['c'], from: ['b'] }, two)).toEqual([]);
  });
  it('a name that is no member of its own is absent', () => {
    for (const name of ['constructor', 'hasOwnProperty']) {
      expect(found({ kind: 'types_present', types: [name] }, two)).toEqual([`metadata/${name}: it is missing`]);
      expect(found({ kind: 'one_of_types', types: [name] }, two)).toHaveLength(1);
      expect(found({ kind: 'types_absent', types: [name] }, two)).toEqual([]);
    }
  });
  it('a long name is cut', () =>
    expect(found({ kind: 'types_among', types: ['a'] }, { [`t${'x'.repeat(200)}`]: {} })).toEqual([
      `metadata/t${'x'.repeat(79)}: it is none of the types of this federation`,
    ]));
});

describe('claims, keys and times', () => {
  it('claims', () => {
    const claims = { crit: [], trust_marks: [] };
    expect(found({ kind: 'claims_present', claims: ['crit', 'x', 'y'] }, two, { claims })).toEqual(['x: it is missing', 'y: it is missing']);
    expect(found({ kind: 'claims_absent', claims: ['crit', 'x', 'trust_marks'] }, two, { claims })).toEqual(['crit: it is there', 'trust_marks: it is there']);
  });
  it('the algorithm of the signature, and of each key that names one', () => {
    expect(found({ kind: 'signed_with', algorithms: ['RS256', 'PS256'] }, two, { alg: 'PS256' })).toEqual([]);
    expect(found({ kind: 'signed_with', algorithms: ['RS256'] }, two, { alg: 'PS256' })).toEqual(['header/alg: it is PS256']);
    const jwks = { keys: [{ kid: 'one', alg: 'ES256' }, { kid: 'two' }, { kid: 'k'.repeat(100), alg: 'RS256' }] };
    expect(found({ kind: 'keys_for', algorithms: ['ES256'] }, two, { claims: { jwks } })).toEqual([`jwks/${'k'.repeat(80)}: its alg is RS256`]);
    expect(found({ kind: 'keys_for', algorithms: ['ES256', 'RS256'] }, two, { claims: { jwks } })).toEqual([]);
  });
  it('RFC 9864 §2.2: EdDSA and Ed25519 are one algorithm, whichever name rule, header and key use', () => {
    for (const [named, used] of [
      ['EdDSA', 'Ed25519'],
      ['Ed25519', 'EdDSA'],
    ] as const) {
      expect(found({ kind: 'signed_with', algorithms: ['ES256', named] }, two, { alg: used })).toEqual([]);
      expect(found({ kind: 'keys_for', algorithms: [named] }, two, { claims: { jwks: { keys: [{ kid: 'k', alg: used }] } } })).toEqual([]);
    }
    expect(found({ kind: 'signed_with', algorithms: ['EdDSA', 'Ed448'] }, two, { alg: 'ES256' })).toEqual(['header/alg: it is ES256']);
    expect(found({ kind: 'signed_with', algorithms: ['Ed448'] }, two, { alg: 'EdDSA' })).toEqual(['header/alg: it is EdDSA']);
  });
  it('a lifetime: n - 1, n, n + 1 at both ends', () => {
    const life = (bounds: object) => (found({ kind: 'lifetime', ...bounds }, two) as readonly string[]).join();
    expect([99, 100, 101].map((at_least) => life({ at_least }))).toEqual(['', '', 'exp: it lives 100 s']);
    expect([99, 100, 101].map((at_most) => life({ at_most }))).toEqual(['exp: it lives 100 s', '', '']);
    expect([life({}), life({ at_least: 1, at_most: 1000 }), life({ at_least: 0 }), life({ at_most: 0 })]).toEqual(['', '', '', 'exp: it lives 100 s']);
  });
});

describe('endpoints, marks and superiors', () => {
  it('endpoints without query: of federation_entity alone', () => {
    const federation_entity = { federation_fetch_endpoint: `${ID}/f?x`, federation_list_endpoint: `${ID}/l`, logo_uri: `${ID}/l?x`, x_endpoint: 5 };
    expect(found({ kind: 'endpoints_without_query' }, { federation_entity, other: { a_endpoint: '?' } })).toEqual([
      'metadata/federation_entity/federation_fetch_endpoint: it has a query',
    ]);
    expect(found({ kind: 'endpoints_without_query' }, two)).toEqual([]);
  });
  it('a mark: any, or one of these types', () => {
    const claims = { trust_marks: [{ trust_mark_type: 't', trust_mark: '' }] };
    expect(found({ kind: 'shows_mark' }, two)).toEqual(['trust_marks: there is none']);
    expect(found({ kind: 'shows_mark', types: ['t', 'u'] }, two)).toEqual(['trust_marks: none of t, u']);
    expect(found({ kind: 'shows_mark' }, two, { claims })).toEqual([]);
    expect(found({ kind: 'shows_mark', types: ['u', 't'] }, two, { claims })).toEqual([]);
    expect(found({ kind: 'shows_mark', types: ['u'] }, two, { claims })).toEqual(['trust_marks: none of u']);
  });
  it('a superior: any, or one of these', () => {
    const claims = { authority_hints: [UP] };
    const has = (entities: string[], given: object = {}) => found({ kind: 'has_superior', entities }, two, { claims: given });
    expect([has([], claims), has([UP, ID], claims)]).toEqual([[], []]);
    expect(has([])).toEqual(['authority_hints: there is none']);
    expect(has([ID, UP])).toEqual([`authority_hints: none of ${ID}, ${UP}`]);
    expect(has([ID], claims)).toEqual([`authority_hints: none of ${ID}`]);
  });
  it('superiors are intermediates: what was read of those it names', () => {
    const check = { kind: 'superiors_are_intermediates' };
    const above = (iss: string, authority_hints?: string[]) => ({ claims: { iss, ...(authority_hints && { authority_hints }) } });
    const claims = { authority_hints: [UP, ID] };
    expect(found(check, two, { evidence: { superiors: [above(UP)] } })).toEqual([]);
    const unread = { unchecked: 'the configurations of its superiors were not read' };
    expect(found(check, two, { claims })).toEqual(unread);
    expect(found(check, two, { claims, evidence: { superiors: [above('https://other.example', [])] } })).toEqual(unread);
    expect(found(check, two, { claims, evidence: { superiors: [above(UP, [ID]), above(ID), above('https://other.example')] } })).toEqual([
      `authority_hints: ${ID} has no superior: it is a trust anchor`,
    ]);
    expect(found(check, two, { claims, evidence: { superiors: [above(UP, [])] } })).toEqual([`authority_hints: ${UP} has no superior: it is a trust anchor`]);
  });
  it('algorithms for endpoint authentication: asked of whoever takes private_key_jwt at an endpoint', () => {
    const check = { kind: 'endpoint_authentication_with', algorithms: ['ES256', 'RS256'] };
    const place = 'metadata/federation_entity/endpoint_auth_signing_alg_values_supported';
    const taking = (federation_entity: object) => found(check, { federation_entity });
    const methods = { federation_fetch_endpoint_auth_methods: ['none', 'private_key_jwt'] };
    expect(taking(methods)).toEqual([`${place}: it lacks ES256, RS256`]);
    expect(taking({ ...methods, endpoint_auth_signing_alg_values_supported: ['RS256', 'x'] })).toEqual([`${place}: it lacks ES256`]);
    expect(taking({ ...methods, endpoint_auth_signing_alg_values_supported: ['RS256', 'ES256'] })).toEqual([]);
    expect(taking({ federation_fetch_endpoint_auth_methods: ['none'] })).toEqual([]);
    expect(taking({ federation_fetch_endpoint_auth_methods: 'private_key_jwt' })).toHaveLength(1);
    expect(taking({ token_endpoint_auth_method: 'private_key_jwt', other_methods: ['private_key_jwt'] })).toEqual([]);
    expect(found(check, two)).toEqual([]);
  });
  it('resolves under: each anchor that is not known to be taken, the entity itself as self', () => {
    const check = { kind: 'resolves_under', entities: ['self', UP] };
    const where = 'metadata/federation_entity/federation_resolve_endpoint: it does not take';
    expect(found(check, two)).toEqual({ unchecked: 'only a question to the resolve endpoint would tell' });
    expect(found(check, two, { evidence: { resolvesUnder: [UP, ID] } })).toEqual([]);
    expect(found(check, two, { evidence: { resolvesUnder: [UP] } })).toEqual([`${where} ${ID} as trust_anchor`]);
    expect(found(check, two, { evidence: { resolvesUnder: [] } })).toEqual([`${where} ${ID} as trust_anchor`, `${where} ${UP} as trust_anchor`]);
  });
  it.each([
    ['says_every_location', 'every statement says where the configuration lies'],
    ['says_registration_policies', 'every statement names registration policies'],
    ['marks_always_end', 'every trust mark it issues has an end'],
    ['policy_adds_values', 'its metadata policy has value, add or default'],
  ])('what its operator alone knows: %s', (fact, words) => {
    const own = (is: boolean, evidence: object) => found({ kind: 'own_fact', fact, is }, two, { evidence });
    expect(own(true, {})).toEqual({ unchecked: 'only its operator knows' });
    expect(own(true, { own: {} })).toEqual({ unchecked: 'only its operator knows' });
    expect([own(true, { own: { [fact]: true } }), own(false, { own: { [fact]: false } })]).toEqual([[], []]);
    expect(own(true, { own: { [fact]: false } })).toEqual([`authority: not so: ${words}`]);
    expect(own(false, { own: { [fact]: true } })).toEqual([`authority: ${words}`]);
  });
});
