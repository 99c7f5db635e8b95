import { fc } from '../support/fuzz.js';
import { describe, expect, it } from 'vitest';
import { limits, parseJwkSet, usableKeys } from '../../src/federation/entry.js';
import { testKey } from '../support/keys.js';

describe('RFC 7517 §5: usable keys of a set', () => {
  it('the usable ones in their order, one finding for each other', async () => {
    const [one, two] = [(await testKey()).jwk, (await testKey('Ed25519')).jwk];
    const odd = [
      { kty: 'AKP', kid: 'pq' },
      { kty: 'EC', kid: 'no coordinates', crv: 'P-256' },
      { ...one, kid: undefined },
      { ...one, kid: 'k', key_ops: ['wrapKey'] },
    ];
    const result = usableKeys({ keys: [odd[0], one, odd[1], two, odd[2], odd[3]] });
    expect(result).toMatchObject({
      ok: true,
      value: {
        jwks: { keys: [one, two] },
        ignored: [
          { code: 'jwk_unsupported', where: 'jwks/keys/0' },
          { code: 'jwks_invalid', where: 'jwks/keys/2' },
          { code: 'kid_missing', where: 'jwks/keys/4' },
          { code: 'jwk_unsupported', where: 'jwks/keys/5' },
        ],
      },
    });
  });
  it.each([
    ['no set', 5],
    ['no keys', { keys: [] }],
    ['an entry that is no key', { keys: ['no object'] }],
    ['none that is usable', { keys: [{ kty: 'AKP', kid: 'pq' }] }],
  ])('%s is refused', (_title, value) => expect(usableKeys(value).ok).toBe(false));
  it('the number of keys is capped', async () => {
    const { jwk } = await testKey();
    const of = (n: number) => usableKeys({ keys: Array.from({ length: n }, (_, at) => ({ ...jwk, kid: `k${at}` })) }).ok;
    expect([limits.MAX_JWKS_KEYS - 1, limits.MAX_JWKS_KEYS, limits.MAX_JWKS_KEYS + 1].map(of)).toEqual([true, true, false]);
  });
  it('whatever the set holds, what comes out passes the strict check', () => {
    const jwk = fc.record({
      kty: fc.constantFrom('EC', 'RSA', 'OKP', 'oct', 'AKP'),
      kid: fc.string(),
      crv: fc.constantFrom('P-256', 'Ed25519', undefined),
      x: fc.base64String(),
      d: fc.constantFrom(undefined, null),
    });
    fc.assert(
      fc.property(fc.array(fc.oneof(jwk, fc.jsonValue()), { maxLength: 5 }), (keys) => {
        const result = usableKeys({ keys });
        if (result.ok) expect(parseJwkSet(result.value.jwks).ok).toBe(true);
      }),
    );
  });
});
