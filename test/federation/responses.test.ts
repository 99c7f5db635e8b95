import { beforeAll, describe, expect, it } from 'vitest';
import { historicalKeyFor, parseConstraints, validateHistoricalKeys, validateResolveResponse, validateTrustChain } from '../../src/federation/entry.js';
import { LEAF, NOW, TA, type TestFederation, testFederation } from '../support/chain.js';

let federation: TestFederation;
let chain: string[];
beforeAll(async () => {
  federation = await testFederation();
  chain = await federation.chain();
});
const codes = (result: { ok: boolean; findings?: readonly { code: string }[] }) => (result.ok ? 'ok' : (result.findings ?? []).map((one) => one.code).join());

describe('resolve responses', () => {
  const ME = 'https://me.example';
  const read = async (claims: object = {}) => {
    const base = { iss: TA, sub: LEAF, iat: NOW, exp: NOW + 60, metadata: { openid_relying_party: {} }, trust_chain: chain };
    const compact = await federation.keys.ta.jwt({ ...base, ...claims }, { typ: 'resolve-response+jwt' });
    const resolver = { entityId: TA, jwks: { keys: [federation.keys.ta.jwk] } };
    return validateResolveResponse(compact, { now: NOW, resolver, subject: LEAF, trustAnchor: TA, audience: ME });
  };
  it('§8.3.2: aud is the requester, as a text or an array of one', async () => {
    expect(await read({ aud: ME })).toMatchObject({ ok: true, value: { aud: ME } });
    expect(await read({ aud: [ME] })).toMatchObject({ ok: true, value: { aud: ME } });
    for (const aud of ['https://other.example', ['https://other.example']]) expect(codes(await read({ aud }))).toBe('audience_wrong');
    for (const aud of [[], [ME, 'https://other.example'], [[ME]], 1, null]) expect(codes(await read({ aud }))).toBe('claim_invalid');
  });
  it('RE-07 §4: the chain ends with the Trust Anchor: its configuration, or a statement it issued', async () => {
    expect(codes(await read({ trust_chain: chain.slice(0, 3) }))).toBe('ok');
    expect(codes(await read({ trust_chain: chain.slice(0, 2) })), 'ends at the intermediate').toBe('chain_malformed');
    expect(codes(await read({ trust_chain: chain.slice(0, 1) })), 'the subject alone').toBe('chain_malformed');
    expect(codes(await read({ trust_chain: chain.slice(1) })), 'without the subject').toBe('chain_malformed');
    expect(codes(await read({ trust_chain: [...chain].reverse() }))).toBe('chain_malformed,chain_malformed');
  });
  it('RFC 7519 §2: times may have a fraction', async () => {
    expect(codes(await read({ iat: NOW - 0.5, exp: NOW + 0.5 }))).toBe('ok');
    expect(codes(await read({ exp: NOW - 0.5 }))).toBe('expired');
    for (const exp of ['1', -1, 1e300, NOW * 1000]) expect(codes(await read({ exp }))).toBe('claim_invalid');
  });
  it('of a long list that is wrong not every element is described', async () => {
    const result = await read({ trust_chain: Array.from({ length: 4_000 }, () => 1), trust_marks: Array.from({ length: 4_000 }, () => 1) });
    expect(!result.ok && result.findings.length).toBe(2);
  });
});

describe('historical keys', () => {
  const read = async (keys: unknown, signer = federation.keys.ta) =>
    validateHistoricalKeys(await signer.jwt({ iss: TA, iat: NOW - 0.25, keys }, { typ: 'jwk-set+jwt' }), {
      entityId: TA,
      jwks: { keys: [federation.keys.ta.jwk] },
    });
  const old = (n: number, more: object = {}) => ({ ...federation.keys.leaf.jwk, kid: `old${n}`, exp: 1000 + n, ...more });
  it('HK-01: as many keys as fit into the size of a statement', async () => {
    for (const n of [0, 64, 65, 700]) {
      const result = await read(Array.from({ length: n }, (_, k) => old(k)));
      expect(result.ok && result.value.length).toBe(n);
    }
  });
  const kidsOf = (result: Awaited<ReturnType<typeof read>>) => (result.ok ? result.value.map(({ kid }) => kid) : result.findings);
  it('HK-03: times may have a fraction; a kid occurs once; no private key', async () => {
    expect(codes(await read([old(1, { exp: 10.5, iat: 1.5, nbf: 2.5, revoked: { revoked_at: 3.5 } })]))).toBe('ok');
    expect(codes(await read([old(1), old(2), old(1)]))).toBe('kid_duplicate');
    expect(codes(await read([old(1, { d: 'AAAA' })]))).toBe('jwk_private');
    expect(codes(await read([old(1, { d: 'AAAA', exp: 'x' }), old(2)])), 'however else it is malformed').toBe('jwk_private');
    expect(codes(await read([{ kty: 'oct', k: 'AAAA', kid: 'a', exp: 1 }]))).toBe('jwk_symmetric');
  });
  it.each([
    ['no object', 5, 'keys/1', 'jwks_invalid'],
    ['null', null, 'keys/1', 'jwks_invalid'],
    ['without kty', { kid: 'a', exp: 1 }, 'keys/1', 'jwks_invalid'],
    ['without kid', { kid: undefined }, 'keys/1/kid', 'claim_invalid'],
    ['without exp', { exp: undefined }, 'keys/1/exp', 'claim_invalid'],
    ['a text for a time', { nbf: 'x' }, 'keys/1/nbf', 'claim_invalid'],
    ['milliseconds', { exp: NOW * 1000 }, 'keys/1/exp', 'claim_invalid'],
    ['revoked without a time', { revoked: {} }, 'keys/1/revoked/revoked_at', 'claim_invalid'],
    ['revoked with a text', { revoked: 'yes' }, 'keys/1/revoked', 'claim_invalid'],
    ['half a key', { x: 'AAAA' }, 'keys/1', 'jwks_invalid'],
    ['no curve of ours', { crv: 'secp256k1' }, 'keys/1', 'jwk_unsupported'],
    ['for encryption', { use: 'enc' }, 'keys/1', 'jwk_unsupported'],
    ['a private member of null', { d: null }, 'keys/1', 'jwks_invalid'],
  ])('RFC 7517 §5: a key that cannot be read (%s) is left out with a finding and vouches for nothing; the others are read', async (_, odd, where, code) => {
    const whole = typeof odd !== 'object' || odd === null || ('kid' in odd && 'exp' in odd);
    const result = await read([old(0), whole ? odd : old(1, odd), old(2)]);
    expect(kidsOf(result)).toEqual(['old0', 'old2']);
    expect(result).toMatchObject({ ok: true, ignored: [{ code, where }] });
    expect(result.ok && historicalKeyFor(result.value, { kid: 'old1', iat: 1 })).toBeUndefined();
  });
  it('a key that cannot be read is not replaced by another of its name: what it said, a revocation perhaps, is not lost', async () => {
    expect(codes(await read([old(1, { revoked: { revoked_at: 'x', reason: 'compromised' } }), old(1)]))).toBe('kid_duplicate');
    expect(codes(await read([old(1), old(1, { exp: null })]))).toBe('kid_duplicate');
  });
  it('of many that cannot be read a few are described, and whatever comes after them is read', async () => {
    const result = await read([...Array.from({ length: 5000 }, () => 1), old(7)]);
    expect(kidsOf(result)).toEqual(['old7']);
    expect(result.ok && result.ignored?.length).toBe(50);
  });
  it('RFC 7517 §5: a key of the past that is too weak now is left out, the others are read', async () => {
    const weak = { kty: 'RSA', kid: 'weak', n: `w${'A'.repeat(170)}`, e: 'AQAB', exp: 5 };
    const result = await read([old(1), weak, old(2)]);
    expect(kidsOf(result)).toEqual(['old1', 'old2']);
    expect(result).toMatchObject({ ignored: [{ code: 'jwk_weak', where: 'keys/1' }] });
  });
  it('HK-02: nothing of it counts without the signature', async () => expect(codes(await read([old(1)], federation.keys.leaf))).toBe('signature_key_unknown'));
  it('HK-03 HK-06: before its nbf a key vouches for nothing', () => {
    const vouches = (iat: number) => historicalKeyFor([{ kty: 'EC', kid: 'k', iat: 5, nbf: 10.5, exp: 20 }], { kid: 'k', iat }) !== undefined;
    expect([5, 10, 10.5, 19.9, 20].map(vouches)).toEqual([false, false, true, true, false]);
  });
});

describe('constraints of others are read, ours are written as the standard has them', () => {
  const verdict = async (n: number, constraints: unknown, below: Record<string, unknown> = {}) => {
    const result = await validateTrustChain(await federation.chain({ claims: { 1: below, [n]: { ...(n === 1 ? below : {}), constraints } } }), {
      anchors: federation.anchors,
      now: NOW,
    });
    return codes(result as never);
  };
  const naming = (list: 'permitted' | 'excluded', ...names: unknown[]) => verdict(1, { naming_constraints: { [list]: names } });
  it.each(['.example.com', '*.example.com', 'https://.example.com', 'https://*.example.com/', '.EXAMPLE.com.'])(
    'CO-05: %s is every host below example.com',
    async (name) => {
      expect(await naming('permitted', name)).toBe('ok');
      expect(await naming('excluded', name)).toBe('name_excluded');
    },
  );
  it.each(['leaf.example.com', 'https://leaf.example.com', 'leaf.example.com.'])('CO-05: %s is one host', async (name) => {
    expect(await naming('permitted', name)).toBe('ok');
    expect(await naming('excluded', name)).toBe('name_excluded');
  });
  it.each(['', '*', '.', '..example.com', 'https://leaf.example.com/rp', 'leaf.*.com', 'example.com:443', 'x'.repeat(5000), 5, null, ['a']])(
    'CO-05: the unreadable name %j permits nothing and, excluded, ends the chain',
    async (name) => {
      expect(await naming('permitted', name)).toBe('name_not_permitted');
      expect(await naming('permitted', name, '.example.com')).toBe('ok');
      expect(await naming('excluded', name)).toBe('constraint_malformed');
    },
  );
  it('CO-10 §6.2: what we state ourselves is refused in those forms', () => {
    for (const constraints of [
      { naming_constraints: { permitted: ['*.example.com'] } },
      { naming_constraints: { excluded: ['https://.example.com'] } },
      { allowed_entity_types: ['federation_entity'] },
      { registration_policy: [{}] },
    ]) {
      expect(codes(parseConstraints(constraints) as never)).toBe('constraint_malformed');
    }
  });
  it('Registration Policy draft: a rule that cannot be read is met by nobody it applies to; without anybody below it does nothing', async () => {
    const vetted = { registration_policy: ['https://ta.example.org/vetted'] };
    for (const rules of ['x', {}, [1], [{}], [{ policy: [] }], [{ policy: [5] }]]) {
      expect(await verdict(2, { registration_policy: rules }, vetted), JSON.stringify(rules)).toBe('constraint_malformed');
      expect(await verdict(1, { registration_policy: rules }, vetted), JSON.stringify(rules)).toBe('ok');
    }
    expect(await verdict(2, { registration_policy: [{ policy: [5], entity_types: ['openid_provider'] }] }, vetted)).toBe('ok');
    expect(await verdict(2, { registration_policy: [{ policy: vetted.registration_policy, entity_types: [] }] })).toBe('registration_policy_unmet');
  });
});
