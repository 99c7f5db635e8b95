import { beforeAll, describe, expect, it } from 'vitest';
import { algorithmsOf, limits, parseJwkSet, type PublicJwk } from '../../src/federation/entry.js';
import { testKey } from '../support/keys.js';

let ec: PublicJwk;
let rsa: PublicJwk;
beforeAll(async () => {
  ec = (await testKey('ES256', 'ec')).jwk;
  rsa = (await testKey('RS256', 'rsa')).jwk;
});
const codes = (...keys: unknown[]) => {
  const result = parseJwkSet({ keys });
  return result.ok ? 'ok' : result.findings.map(({ code, where }) => `${code} ${where}`).join('; ');
};
/** An RSA modulus of so many bits: what matters here is its length. */
const modulus = (bits: number) => {
  const bytes = new Uint8Array(Math.ceil(bits / 8)).fill(0xff);
  bytes[0] = 0xff >> (bytes.length * 8 - bits);
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');
};

describe('JO-06 EV-02: a JWK Set of public signing keys', () => {
  it('what was a point once is one again, and nothing else that is written alike', () => {
    const [x, y] = [String(ec.x), String(ec.y)];
    expect(codes(ec)).toBe('ok');
    expect(codes(ec)).toBe('ok');
    const no = 'jwks_invalid jwks/keys/0';
    const others = [{ x: [x] }, { x: `${x} ${y}`, y: '' }, { x: '', y: `${x} ${y}` }, { x: `${x} `, y }, { x: y, y: x }, { x: null }, { y: undefined }];
    for (const one of others) expect(codes({ ...ec, ...one }), JSON.stringify(one)).toBe(no);
    for (const crv of ['P-384', 'P-256 ', `P-256 ${x}`, 'constructor']) expect(codes({ ...ec, crv }), crv).not.toBe('ok');
    expect(codes(ec)).toBe('ok');
  });

  it('accepts every supported kind together', async () => {
    const kinds = ['ES384', 'ES512', 'Ed25519', 'PS512'] as const;
    const keys = await Promise.all(kinds.map(async (alg, n) => (await testKey(alg, `k${n}`)).jwk));
    expect(codes(ec, rsa, ...keys)).toBe('ok');
  });
  it.each([[null], ['x'], [{}], [{ keys: {} }], [{ keys: [] }], [{ keys: ['x'] }], [{ keys: [{ kid: 'a' }] }]])('%j is none', (value) =>
    expect(parseJwkSet(value)).toMatchObject({ ok: false, findings: [{ code: 'jwks_invalid' }] }),
  );
  it('a kid is required, non-empty, and unique: same type or other type', () => {
    expect(codes({ ...ec, kid: undefined })).toBe('kid_missing jwks/keys/0');
    expect(codes({ ...ec, kid: '' })).toBe('kid_missing jwks/keys/0');
    expect(codes(ec, { ...ec })).toBe('kid_duplicate jwks/keys/1');
    expect(codes(ec, { ...rsa, kid: ec.kid })).toBe('kid_duplicate jwks/keys/1');
  });
  it.each(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'priv'])('a private member (%s) is refused by name, and its value is never repeated', (member) => {
    const result = parseJwkSet({ keys: [{ ...ec, [member]: 'c2VjcmV0' }] });
    expect(result).toMatchObject({ ok: false, findings: [{ code: 'jwk_private' }] });
    expect(JSON.stringify(result)).not.toContain('c2VjcmV0');
  });
  it('a symmetric key is refused, also when dressed up', () => {
    expect(codes({ kty: 'oct', kid: 'a', k: 'c2VjcmV0' })).toBe('jwk_symmetric jwks/keys/0');
    expect(codes({ ...ec, k: 'c2VjcmV0' })).toBe('jwk_symmetric jwks/keys/0');
  });
  it.each([
    [limits.MIN_RSA_BITS - 1, 'jwk_weak jwks/keys/0'],
    [limits.MIN_RSA_BITS, 'ok'],
    [limits.MIN_RSA_BITS + 1, 'ok'],
    [limits.MAX_RSA_BITS - 1, 'ok'],
    [limits.MAX_RSA_BITS, 'ok'],
    [limits.MAX_RSA_BITS + 1, 'jwk_weak jwks/keys/0'],
    [1024, 'jwk_weak jwks/keys/0'],
    [16_384, 'jwk_weak jwks/keys/0'],
  ])('an RSA key of %i bits: %s', (bits, verdict) => expect(codes({ ...rsa, n: modulus(bits) })).toBe(verdict));
  it('small RSA exponents are weak', () => expect(codes({ ...rsa, e: 'Aw' })).toBe('jwk_weak jwks/keys/0'));
  it.each([
    ['secp256k1', { crv: 'secp256k1' }],
    ['an unknown type', { kty: 'AKP' }],
    ['X25519', { kty: 'OKP', crv: 'X25519' }],
    ['an alg of another type', { alg: 'RS256' }],
    ['use enc', { use: 'enc' }],
  ])('%s is unsupported for a key we bind, and ignored in a stranger’s set', (_title, change) => {
    expect(codes({ ...ec, ...change })).toBe('jwk_unsupported jwks/keys/0');
    expect(parseJwkSet({ keys: [{ ...ec, ...change }, rsa] }, 'jwks', { strict: false }).ok).toBe(true);
  });
  it.each([
    ['short x', { x: 'AAAA' }],
    ['missing y', { y: undefined }],
    ['not base64url', { x: '!'.repeat(43) }],
  ])('EC coordinates: %s', (_title, change) => expect(codes({ ...ec, ...change })).toBe('jwks_invalid jwks/keys/0'));
  it('all faults are reported at once', () =>
    expect(codes({ ...ec, d: 'x' }, { kty: 'oct' }, { ...ec, kid: 'b' })).toBe('jwk_private jwks/keys/0; jwk_symmetric jwks/keys/1'));
  it('limits: 63 and 64 keys pass, 65 and 20 000 do not', () => {
    const many = (n: number) => codes(...Array.from({ length: n }, (_, at) => ({ ...ec, kid: `k${at}` })));
    expect([limits.MAX_JWKS_KEYS - 1, limits.MAX_JWKS_KEYS, limits.MAX_JWKS_KEYS + 1, 20_000].map(many)).toEqual([
      'ok',
      'ok',
      'too_many jwks',
      'too_many jwks',
    ]);
  });
  it('limits: 64 KiB of keys pass, one byte more does not', () => {
    const size = (bytes: number) => {
      const key = { ...ec, x5c: [''] };
      const bare = JSON.stringify({ keys: [key] }).length;
      return codes({ ...key, x5c: ['x'.repeat(bytes - bare)] });
    };
    expect([limits.MAX_JWKS_BYTES - 1, limits.MAX_JWKS_BYTES, limits.MAX_JWKS_BYTES + 1].map(size)).toEqual(['ok', 'ok', 'too_large jwks']);
  });
  it('limits: a kid of 256 characters passes, 257 and 10 kB do not', () => {
    expect([255, 256, 257, 10_240].map((n) => codes({ ...ec, kid: 'k'.repeat(n) }))).toEqual(['ok', 'ok', 'too_large jwks/keys/0', 'too_large jwks/keys/0']);
  });
  it('a key signs with its own alg only, else with those of its type', () => {
    expect(algorithmsOf(ec)).toEqual(['ES256']);
    const { alg: _, ...open } = rsa;
    expect(algorithmsOf(open as PublicJwk)).toEqual(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']);
  });
});
