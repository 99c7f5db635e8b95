import { decodeJwt } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { limits, signEntityConfiguration, signHistoricalKeys, signSubordinateStatement } from '../../src/federation/entry.js';
import { LEAF, NOW, TA } from '../support/chain.js';
import { type TestKey, testKey } from '../support/keys.js';

let key: TestKey;
let other: TestKey;
beforeAll(async () => {
  [key, other] = await Promise.all([testKey(), testKey()]);
});
const said = (result: Awaited<ReturnType<typeof signEntityConfiguration>>) =>
  result.ok ? decodeJwt(result.value) : result.findings.map(({ code, where, detail }) => `${code} ${where}: ${detail}`);
const configure = async (input: object = {}, options: object = {}) =>
  said(
    await signEntityConfiguration({ sub: TA, iat: NOW, exp: NOW + 3600, jwks: { keys: [key.jwk] }, metadata: { oauth_client: {} }, ...input } as never, {
      signer: key,
      ...options,
    }),
  );
const state = async (input: object = {}, options: object = {}) =>
  said(
    await signSubordinateStatement({ iss: TA, sub: LEAF, iat: NOW, exp: NOW + 3600, jwks: { keys: [other.jwk] }, ...input } as never, {
      signer: key,
      ...options,
    }),
  );

describe('EC-01 EC-03: an Entity Configuration of ours', () => {
  it('is by the one it is about; what it says of subordinates is no claim', async () => {
    const endpoints = { federation_fetch_endpoint: `${TA}/f`, federation_list_endpoint: `${TA}/l` };
    const signed = await configure({ hasSubordinates: true, metadata: { federation_entity: endpoints }, authority_hints: ['https://up.example'] });
    expect(signed).toEqual({
      iss: TA,
      sub: TA,
      iat: NOW,
      exp: NOW + 3600,
      jwks: { keys: [key.jwk] },
      metadata: { federation_entity: endpoints },
      authority_hints: ['https://up.example'],
    });
    expect(await configure({ metadata: { federation_entity: endpoints } }), 'nobody says whether it has any').toMatchObject({ iss: TA });
    expect(await configure({ hasSubordinates: false, metadata: { federation_entity: endpoints } })).toHaveLength(2);
  });
  it('is signed by a key it publishes, one of several', async () => {
    expect(await configure({ jwks: { keys: [other.jwk, key.jwk] } })).toMatchObject({ sub: TA });
    expect(await configure({ jwks: { keys: [other.jwk] } })).toEqual(['signature_key_unknown jwks: the signing key is not among the published keys']);
  });
  it('keys that cannot be read are one fault, not two', async () => {
    expect(await configure({ jwks: { keys: [] } })).toEqual(['jwks_invalid jwks: the set holds no key']);
    expect(await configure({ jwks: undefined })).toEqual(['jwks_invalid jwks: a JWK Set is an object with an array "keys"']);
  });
  it('EI-01: loopback only in development', async () => {
    const local = { sub: 'http://localhost:1' };
    expect(await configure(local)).toHaveLength(2);
    expect(await configure(local, { development: true })).toMatchObject({ iss: 'http://localhost:1' });
  });
  it('EC-04: metadata is what §5 demands', async () => {
    expect(await configure({ metadata: { openid_provider: { issuer: 'https://other.example' } } })).toEqual([
      'metadata_invalid metadata/openid_provider/issuer: "issuer" is "https://other.example", not the entity identifier',
    ]);
    expect(await configure({ metadata: {} })).toEqual(['metadata_invalid metadata: it declares no Entity Type; at least one is needed']);
  });
});

describe('SS-01 SS-02: a Subordinate Statement of ours', () => {
  it('carries what it was given, and the keys of its subject', async () =>
    expect(await state({ metadata_policy: { t: { p: { essential: true } } }, constraints: { max_path_length: 0 } })).toEqual({
      iss: TA,
      sub: LEAF,
      iat: NOW,
      exp: NOW + 3600,
      jwks: { keys: [other.jwk] },
      metadata_policy: { t: { p: { essential: true } } },
      constraints: { max_path_length: 0 },
    }));
  it('is about another entity', async () =>
    expect(await state({ sub: TA })).toEqual(expect.arrayContaining(['subject_mismatch sub: a Subordinate Statement is about another entity'])));
  it('JO-09: a critical claim is one that the issuer publishes', async () => {
    const critical = { crit: ['special'], special: 1 };
    expect(await state(critical)).toEqual(['crit_not_understood crit: "special" is critical and not understood']);
    expect(await state(critical, { criticalClaims: ['other'] })).toHaveLength(1);
    expect(await state(critical, { criticalClaims: ['other', 'special'] })).toMatchObject(critical);
  });
  it('JO-06: no key that cannot be used', async () =>
    expect(await state({ jwks: { keys: [other.jwk, { kty: 'AKP', kid: 'pq' }] } })).toEqual([expect.stringContaining('jwk_unsupported jwks/keys/1')]));
  it('EV-04: its times are those of the moment it is signed', async () => {
    expect(await state({ exp: NOW })).toEqual([expect.stringContaining('expired exp')]);
    expect(await state({ nbf: NOW + 600 })).toEqual([expect.stringContaining('not_yet_valid nbf')]);
  });
  it('limits: seven days, with the number in the message', async () => {
    const most = limits.MAX_STATEMENT_LIFETIME;
    expect(await state({ exp: NOW + most })).toMatchObject({ exp: NOW + most });
    expect(await state({ exp: NOW + most + 1 })).toEqual([`claim_invalid exp: a lifetime over ${most} s`]);
  });
  it('limits: what is signed is no longer than what is read', async () => {
    const filled = (length: number) => state({ filler: 'x'.repeat(length) });
    const room = Math.floor((limits.MAX_STATEMENT_BYTES * 3) / 4);
    expect(await filled(room - 700)).toMatchObject({ sub: LEAF });
    expect(await filled(room)).toEqual([expect.stringMatching(/^too_large statement: 26\d{4} bytes, more than 262144$/)]);
  });
});

describe('HK-02 HK-03 HK-04: the historical keys of ours', () => {
  const old = (more: object = {}) => ({ ...other.jwk, iat: NOW - 100, nbf: NOW - 90, exp: NOW - 50, revoked: { revoked_at: NOW - 60 }, ...more });
  const sign = (keys: unknown, iat = NOW) => signHistoricalKeys({ iss: TA, iat, keys } as never, key);
  it('are signed as they are, none of them too', async () => {
    expect(decodeJwt(await sign([old(), { ...other.jwk, kid: 'b', exp: 1 }]))).toEqual({
      iss: TA,
      iat: NOW,
      keys: [old(), { ...other.jwk, kid: 'b', exp: 1 }],
    });
    expect(decodeJwt(await sign([]))).toEqual({ iss: TA, iat: NOW, keys: [] });
  });
  it('a key that others would pass over now may still be told', async () => {
    const weak = { kty: 'RSA', kid: 'weak', n: 'w'.repeat(171), e: 'AQAB', exp: NOW };
    expect(decodeJwt(await sign([weak]))).toMatchObject({ keys: [weak] });
  });
  it.each<[string, unknown, string]>([
    ['no array', { 0: 1 }, 'keys: an array is signed'],
    ['no object', [5], 'keys/0: public keys with a "kid" are signed'],
    ['null', [null], 'keys/0: public keys with a "kid" are signed'],
    ['no kid', [{ kty: 'EC', exp: NOW }], 'keys/0: public keys with a "kid" are signed'],
    ['a symmetric key', [{ kty: 'oct', kid: 'o', k: 'AA', exp: NOW }], 'keys/0: public keys with a "kid" are signed'],
    ['no end', [{ kty: 'EC', kid: 'a' }], 'keys/0/exp: whole seconds since the epoch are signed'],
    ['a text for a beginning', [{ kty: 'EC', kid: 'a', exp: NOW, iat: 'x' }], 'keys/0/iat: whole seconds since the epoch are signed'],
    ['half a second for nbf', [{ kty: 'EC', kid: 'a', exp: NOW, nbf: 0.5 }], 'keys/0/nbf: whole seconds since the epoch are signed'],
    ['null for a revocation', [{ kty: 'EC', kid: 'a', exp: NOW, revoked: null }], 'keys/0/revoked/revoked_at: whole seconds since the epoch are signed'],
    [
      'a revocation without a time',
      [
        { kty: 'EC', kid: 'a', exp: NOW },
        { kty: 'EC', kid: 'b', exp: NOW, revoked: {} },
      ],
      'keys/1/revoked/revoked_at: whole seconds since the epoch are signed',
    ],
  ])('%s: a TypeError that says where', async (_what, keys, message) => expect(sign(keys)).rejects.toThrow(new TypeError(message)));
  it('a private part, wherever it is', async () => {
    for (const more of [{ d: 'AA' }, { k: 'AA' }])
      await expect(sign([old(), old(more)])).rejects.toThrow(new TypeError('keys/1: public keys with a "kid" are signed'));
  });
  it('the time of the whole', async () => {
    await expect(sign([], 0.5)).rejects.toThrow(new TypeError('iat: whole seconds since the epoch are signed'));
    await expect(signHistoricalKeys(undefined as never, key)).rejects.toThrow(new TypeError('iat: whole seconds since the epoch are signed'));
  });
});
