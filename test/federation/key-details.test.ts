import { beforeAll, describe, expect, it } from 'vitest';
import { algorithmsOf, keyFault, parseJwkSet, type PublicJwk, usableKeys } from '../../src/federation/entry.js';
import { sameKey } from '../../src/federation/jwk-set.js';
import { testKey } from '../support/keys.js';

let ec: PublicJwk;
let rsa: PublicJwk;
let ed: PublicJwk;
beforeAll(async () => {
  [ec, rsa, ed] = (await Promise.all([testKey('ES256', 'ec'), testKey('RS256', 'rsa'), testKey('Ed25519', 'ed')].map(async (one) => (await one).jwk))) as [
    PublicJwk,
    PublicJwk,
    PublicJwk,
  ];
});
const fault = (key: unknown) => {
  const one = keyFault(JSON.parse(JSON.stringify(key)), 'k');
  return one ? `${one.code} ${one.where}: ${one.detail}` : 'sound';
};
const encode = (bytes: readonly number[]) => Buffer.from(bytes).toString('base64url');

describe('why a key cannot be used', () => {
  it('its members', () => {
    expect([ec, rsa, ed].map(fault)).toEqual(['sound', 'sound', 'sound']);
    for (const key of [5, null, [], {}, { kty: 5 }]) expect(fault(key)).toBe('jwks_invalid k: a key is an object with "kty"');
    for (const name of ['alg', 'use', 'crv'])
      for (const value of [5, null, ['x']]) expect(fault({ ...ec, [name]: value })).toBe(`jwks_invalid k: "${name}" is not a string`);
    for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'priv', 'k'])
      expect(fault({ ...ec, [name]: null })).toBe(`jwks_invalid k: "${name}" is null; no private key is in it`);
    expect([fault({ ...ec, use: 'sig' }), fault({ ...ec, key_ops: ['verify'] }), fault({ ...ec, key_ops: ['sign', 'verify'] })]).toEqual([
      'sound',
      'sound',
      'sound',
    ]);
    expect(fault({ ...ec, use: 'enc' })).toBe('jwk_unsupported k: "use" is "enc"; a Federation Entity Key signs');
    expect(fault({ ...ec, use: '' })).toBe('jwk_unsupported k: "use" is ""; a Federation Entity Key signs');
    for (const key_ops of [[], ['sign'], 'verify', null]) expect(fault({ ...ec, key_ops })).toBe('jwk_unsupported k: "key_ops" does not allow to verify');
    expect(fault({ ...ec, alg: 'ES384' })).toBe('jwk_unsupported k: kty "EC", crv "P-256", alg "ES384" is not supported');
    expect(fault({ kty: 'AKP', kid: 'a' })).toBe('jwk_unsupported k: kty "AKP", crv "", alg "" is not supported');
  });
  it('a missing kid is a fault of the JWK, with the clause of key sets and a remedy of its own', () =>
    expect(keyFault({ ...ec, kid: '' }, 'k')).toMatchObject({
      code: 'kid_missing',
      where: 'k',
      clause: 'OpenID Federation 1.0 §3.1.1',
      detail: 'this JWK has no "kid"',
      fix: expect.stringContaining('RFC 7638 thumbprint'),
    }));
  it('the octets of an RSA key', () => {
    const n = [...Buffer.from(rsa.n ?? '', 'base64url')];
    const e = (...bytes: number[]) => fault({ ...rsa, e: encode(bytes) });
    expect([fault({ ...rsa, n: undefined }), fault({ ...rsa, e: undefined }), fault({ ...rsa, e: '!' })]).toEqual(
      new Array(3).fill('jwks_invalid k: "n" and "e" are not base64url integers'),
    );
    expect([fault({ ...rsa, n: encode([0, ...n]) }), e(0, 1, 0, 1)]).toEqual([
      'jwks_invalid k: "n" begins with a zero octet',
      'jwks_invalid k: "e" begins with a zero octet',
    ]);
    expect([e(3), e(0xff, 0xff), e(1, 0, 1), e(1, 0, 0, 1), e(1, 0, 0, 0, 0, 0, 0, 1)]).toEqual([
      'jwk_weak k: the RSA exponent is below 65537',
      'jwk_weak k: the RSA exponent is below 65537',
      'sound',
      'sound',
      'sound',
    ]);
    expect(e(1, 0, 0, 0, 0, 0, 0, 0, 1)).toBe('jwks_invalid k: an RSA exponent of 9 bytes is longer than 8');
    expect([e(1, 0, 2), fault({ ...rsa, n: encode([...n.slice(0, -1), 2]) })]).toEqual(new Array(2).fill('jwk_weak k: the RSA modulus or exponent is even'));
  });
  it('the point of an Ed25519 key: of 32 octets, below the field prime, not of small order', () => {
    const x = (...bytes: number[]) => fault({ ...ed, x: encode(bytes) });
    const filled = (first: number, middle: number, last: number) => x(first, ...new Array(30).fill(middle), last);
    for (const bytes of [31, 33]) expect(x(...new Array(bytes).fill(7))).toBe('jwks_invalid k: "x" is not 32 bytes of base64url');
    expect(fault({ ...ed, x: undefined })).toBe('jwks_invalid k: "x" is not 32 bytes of base64url');
    const weak = 'jwk_weak k: "x" is a point under which anybody can sign';
    expect([filled(0xeb, 0xff, 0x7f), filled(0xec, 0xff, 0x7f), filled(0xff, 0xff, 0x7f), filled(0xec, 0xff, 0xff)]).toEqual(['sound', weak, weak, weak]);
    expect([filled(0xff, 0xff, 0x7e), filled(0xff, 0xfe, 0x7f), filled(0xff, 0x7f, 0x10), filled(0xf0, 7, 0x7f)]).toEqual(new Array(4).fill('sound'));
    expect(x(0xff, ...new Array(29).fill(0xff), 0xfe, 0x7f)).toBe('sound');
    expect([filled(0, 0, 0), filled(1, 0, 0), filled(1, 0, 0x80), filled(2, 0, 0)]).toEqual([weak, weak, weak, 'sound']);
  });
  it('the coordinates of an EC key', () => {
    const no = 'jwks_invalid k: "x" and "y" are not 32 bytes of base64url';
    for (const change of [{ x: undefined }, { y: undefined }, { x: encode(new Array(31).fill(1)) }, { y: encode(new Array(33).fill(1)) }])
      expect(fault({ ...ec, ...change })).toBe(no);
  });
});

describe('the algorithms of a key', () => {
  it.each<[unknown, readonly string[]]>([
    [undefined, []],
    [{ kty: 'OKP', crv: 'Ed25519' }, ['Ed25519', 'EdDSA']],
    [{ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA' }, ['Ed25519', 'EdDSA']],
    [{ kty: 'OKP', crv: 'Ed25519', alg: 'ES256' }, []],
    [{ kty: 'OKP', crv: 'X25519' }, []],
    [{ kty: 'EC', crv: 'Ed25519' }, []],
    [{ kty: 'EC', crv: 'P-256' }, ['ES256']],
    [{ kty: 'EC', crv: 'P-384' }, ['ES384']],
    [{ kty: 'EC', crv: 'P-521', alg: 'ES512' }, ['ES512']],
    [{ kty: 'EC', crv: 'P-521', alg: 'ES256' }, []],
    [{ kty: 'EC', crv: 'toString' }, []],
    [{ kty: 'EC', crv: ['P-256'] }, []],
    [{ kty: 'EC' }, []],
    [{ kty: 'OKP', crv: 'P-256' }, []],
    [{ kty: 'RSA', alg: 'PS384' }, ['PS384']],
    [{ kty: 'RSA', alg: 'ES256' }, []],
    [{ kty: 'AKP' }, []],
  ])('%j: %j', (key, expected) => expect(algorithmsOf(key as PublicJwk)).toEqual(expected));
});

describe('sets', () => {
  const said = (result: ReturnType<typeof parseJwkSet> | ReturnType<typeof usableKeys>) =>
    result.ok ? 'ok' : result.findings.map(({ code, where }) => `${code} ${where}`).join('; ');
  const odd = { kty: 'AKP', kid: 'pq' };
  it('one key that is exposed, no object, or named like another spoils it; one that is of no use is passed over', () => {
    const read = (...keys: unknown[]) => [said(parseJwkSet({ keys }, 'set', { strict: false })), said(usableKeys({ keys }))];
    expect(read(ec, odd)).toEqual(['ok', 'ok']);
    expect(said(parseJwkSet({ keys: [ec, odd] }))).toBe('jwk_unsupported jwks/keys/1');
    expect(read(odd, { kid: 'a' })).toEqual(['jwk_unsupported set/keys/0; jwks_invalid set/keys/1', 'jwk_unsupported jwks/keys/0; jwks_invalid jwks/keys/1']);
    expect(read(ec, 5)).toEqual(['jwks_invalid set/keys/1', 'jwks_invalid jwks/keys/1']);
    expect(read(ec, { ...rsa, d: 'x' })).toEqual(['jwk_private set/keys/1', 'jwk_private jwks/keys/1']);
    expect(read(ec, { kty: 'oct', kid: 'a' })).toEqual(['jwk_symmetric set/keys/1', 'jwk_symmetric jwks/keys/1']);
    expect(read(ec, { ...odd, kid: ec.kid })).toEqual([
      'jwk_unsupported set/keys/1; kid_duplicate set/keys/1',
      'jwk_unsupported jwks/keys/1; kid_duplicate jwks/keys/1',
    ]);
    expect(read(ec, { ...rsa, kid: undefined }, { ...ed, kid: undefined })).toEqual(['ok', 'ok']);
    expect(read(ec, { ...rsa, kid: 5 }, { ...ed, kid: 5 })).toEqual(['ok', 'ok']);
    expect(usableKeys({ keys: [odd, ec, rsa] })).toMatchObject({
      ok: true,
      value: { jwks: { keys: [ec, rsa] }, ignored: [{ code: 'jwk_unsupported', where: 'jwks/keys/0' }] },
    });
    expect(said(usableKeys(5))).toBe('jwks_invalid jwks');
  });
  it('the same key is the same material, whatever else is said of it', () => {
    const one = { kty: 'a', crv: 'b', x: 'c', y: 'd', n: 'e', e: 'f', kid: 'k' };
    expect(sameKey(one, { ...one, kid: 'other', alg: 'ES256' })).toBe(true);
    expect(sameKey(ec, rsa)).toBe(false);
    for (const name of ['kty', 'crv', 'x', 'y', 'n', 'e'])
      expect([sameKey(one, { ...one, [name]: 'z' }), sameKey({ ...one, [name]: undefined } as never, one)]).toEqual([false, false]);
  });
});
