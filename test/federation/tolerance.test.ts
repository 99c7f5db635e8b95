import { base64url } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { limits, parseClientAssertion, validateEntityConfiguration, validateTrustChain, validateTrustMarkStatus } from '../../src/federation/entry.js';
import { LEAF, NOW, TA, testFederation, type TestFederation } from '../support/chain.js';
import { testKey } from '../support/keys.js';

const TYPE = 'https://type.example/m';
let federation: TestFederation;
beforeAll(async () => {
  federation = await testFederation();
});
const verdict = async (own: object, options: object = {}) => {
  const result = await validateTrustChain(await federation.chain({ claims: { 0: own as never } }), { anchors: federation.anchors, now: NOW, ...options });
  return result.ok ? 'valid' : result.findings.map(({ code, where }) => `${code} ${where}`).join('; ');
};

describe('TM-06 §3.2: a mark in a configuration is judged alone, whatever it looks like', () => {
  const claims = { iss: 'https://issuer.example', sub: LEAF, iat: NOW - 10, trust_mark_type: TYPE };
  const unsigned = (header: object, payload: unknown = claims) =>
    `${base64url.encode(JSON.stringify(header))}.${base64url.encode(JSON.stringify(payload))}.AAAA`;
  it.each<[string, object]>([
    ['a framework’s own typ', { typ: 'sirtfi-trust-mark+jwt', alg: 'ES256', kid: 'k' }],
    ['no typ', { alg: 'ES256', kid: 'k' }],
    ['no kid', { typ: 'trust-mark+jwt', alg: 'ES256' }],
    ['ES256K', { typ: 'trust-mark+jwt', alg: 'ES256K', kid: 'k' }],
    ['ML-DSA', { typ: 'trust-mark+jwt', alg: 'ML-DSA-65', kid: 'k' }],
    ['no algorithm', { typ: 'trust-mark+jwt', alg: 'none' }],
    ['a key in its header', { typ: 'trust-mark+jwt', alg: 'ES256', kid: 'k', jwk: {}, jku: 'https://x.example' }],
    ['a header of another world', { crit: ['b64'], b64: false }],
  ])('%s', async (_what, header) => expect(await verdict({ trust_marks: [{ trust_mark_type: TYPE, trust_mark: unsigned(header) }] })).toBe('valid'));
  it.each(['', 'x', 'a.b', 'a.b.c.d', '...', `e30.${'!'.repeat(9)}.e30`, unsigned({}, 'text'), unsigned({}, null)])('what is no JWT: %j', async (mark) =>
    expect(await verdict({ trust_marks: [{ trust_mark_type: TYPE, trust_mark: mark }] })).toBe('valid'),
  );
  it('a mark that says it is of another type is a fault of the configuration', async () => {
    expect(await verdict({ trust_marks: [{ trust_mark_type: 'https://other.example', trust_mark: unsigned({}) }] })).toBe('claim_invalid ES[0] trust_marks/0');
    expect(await verdict({ trust_marks: [{ trust_mark_type: TYPE, trust_mark: unsigned({ typ: 'x' }, { ...claims, trust_mark_type: 5 }) }] })).toBe(
      'claim_invalid ES[0] trust_marks/0',
    );
  });
  it('more of them than are looked at', async () => {
    for (const n of [limits.MAX_TRUST_MARKS, limits.MAX_TRUST_MARKS + 1, 200])
      expect(await verdict({ trust_marks: Array.from({ length: n }, () => ({ trust_mark_type: TYPE, trust_mark: unsigned({}) })) })).toBe('valid');
  });
  it('an entry of early drafts is told apart', async () => {
    const compact = await federation.keys.leaf.jwt({
      iss: LEAF,
      sub: LEAF,
      iat: NOW,
      exp: NOW + 60,
      jwks: { keys: [federation.keys.leaf.jwk] },
      metadata: { x: {} },
      trust_marks: [{ id: TYPE, trust_mark: unsigned({}) }],
    });
    const result = await validateEntityConfiguration(compact, { now: NOW });
    expect(result).toMatchObject({ ok: false, findings: [{ where: 'trust_marks/0', detail: expect.stringContaining('"id"') }] });
  });
  it('keys of a mark’s owner that nobody can use are that type’s affair', async () => {
    const chain = await federation.chain({
      claims: { 3: { trust_mark_owners: { [TYPE]: { sub: 'https://owner.example', jwks: { keys: [{ kty: 'AKP', kid: 'pq' }] } } } } },
    });
    expect((await validateTrustChain(chain, { anchors: federation.anchors, now: NOW })).ok).toBe(true);
  });
});

describe('what else honest entities send', () => {
  it('SE-01: more hints than are looked at', async () => {
    const federationHint = (await federation.chain())[1] ? 'https://intermediate.example.org' : '';
    for (const n of [15, 16, 100])
      expect(await verdict({ authority_hints: [federationHint, ...Array.from({ length: n }, (_, k) => `https://s${k}.example`)] })).toBe('valid');
  });
  it('JO-09: a critical claim counts when the caller understands it; jti and nbf are no claims of the standard', async () => {
    for (const name of ['jti', 'nbf']) {
      const value = name === 'jti' ? 'x' : NOW - 10;
      expect(await verdict({ crit: [name], [name]: value })).toBe('crit_not_understood ES[0] crit');
      expect(await verdict({ crit: [name], [name]: value }, { understoodClaims: [name] })).toBe('valid');
    }
    for (const name of ['exp', 'jwks', 'aud']) expect(await verdict({ crit: [name] }, { understoodClaims: [name] })).toContain('crit_invalid');
  });
  it('EC-02: NumericDates with a fraction, in a status answer too', async () => {
    const key = await testKey();
    const answer = await key.jwt({ iss: TA, iat: NOW - 0.5, exp: NOW + 0.5, trust_mark: 'm', status: 'active' }, { typ: 'trust-mark-status-response+jwt' });
    expect((await validateTrustMarkStatus(answer, { now: NOW, issuer: { entityId: TA, jwks: { keys: [key.jwk] } }, trustMark: 'm' })).ok).toBe(true);
  });
});

describe('library callers cannot fall into a hole', () => {
  it.each([undefined, null, Number.NaN, Number.POSITIVE_INFINITY, '1800000000', {}])(
    'a time that is none (%s) throws: nothing would ever have expired',
    async (now) => {
      const chain = await federation.chain({ claims: { 1: { exp: 1970 } } });
      await expect(validateTrustChain(chain, { anchors: federation.anchors, now: now as never })).rejects.toThrow(TypeError);
      const own = chain[0] ?? '';
      await expect(validateEntityConfiguration(own, { now: now as never })).rejects.toThrow(TypeError);
      const assertion = await federation.keys.leaf.jwt({ iss: LEAF, sub: LEAF, aud: TA, jti: 'x', exp: 5 }, { typ: 'JWT' });
      expect(() => parseClientAssertion(assertion, { audience: TA, now: now as never })).toThrow(TypeError);
    },
  );
});
