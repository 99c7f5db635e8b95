import { compactVerify, decodeProtectedHeader, importJWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  historicalKeyFor,
  limits,
  signEntityConfiguration,
  signHistoricalKeys,
  signResolveResponse,
  signSubordinateStatement,
  signTrustMark,
  signTrustMarkDelegation,
  signTrustMarkStatus,
  validateHistoricalKeys,
  type Metadata,
} from '../../src/federation/entry.js';
import { LEAF, NOW, TA } from '../support/chain.js';
import { type TestKey, testKey } from '../support/keys.js';

let key: TestKey;
let leaf: TestKey;
beforeAll(async () => {
  [key, leaf] = await Promise.all([testKey(), testKey()]);
});
/** What is no time of ours. */
const NO_TIMES = [NOW + 0.5, Number.NaN, Number.POSITIVE_INFINITY, -1, NOW * 1000, `${NOW}`, null, undefined];
const endpoints = { federation_fetch_endpoint: `${TA}/fetch`, federation_list_endpoint: `${TA}/list` };
const configure = (input: object = {}, metadata: object = { federation_entity: endpoints }) =>
  signEntityConfiguration(
    { sub: TA, iat: NOW, exp: NOW + 3600, jwks: { keys: [key.jwk] }, metadata: metadata as Metadata, hasSubordinates: true, ...input } as never,
    { signer: key },
  );
const state = (input: object = {}, more: object = {}) =>
  signSubordinateStatement({ iss: TA, sub: LEAF, iat: NOW, exp: NOW + 3600, jwks: { keys: [leaf.jwk] }, ...input } as never, { signer: key, ...more });
const code = async (result: ReturnType<typeof configure>) => {
  const done = await result;
  return done.ok ? 'ok' : done.findings.map((one) => `${one.code} ${one.where}`).join('; ');
};

describe('what we sign verifies with jose alone', () => {
  it('EC-01 EC-02 EC-03 JO-02 JO-05: an Entity Configuration', async () => {
    const result = await configure();
    const compact = result.ok ? result.value : '';
    const { payload } = await compactVerify(compact, await importJWK(key.jwk as never, 'ES256'));
    expect(JSON.parse(new TextDecoder().decode(payload))).toMatchObject({ iss: TA, sub: TA, iat: NOW, exp: NOW + 3600, jwks: { keys: [{ kid: key.kid }] } });
    expect(decodeProtectedHeader(compact)).toEqual({ typ: 'entity-statement+jwt', alg: 'ES256', kid: key.kid });
  });
  it.each(['ES384', 'ES512', 'Ed25519', 'RS256', 'PS256'] as const)('a Subordinate Statement signed with %s', async (alg) => {
    const other = await testKey(alg);
    const result = await state({}, { signer: other });
    await compactVerify(result.ok ? result.value : '', await importJWK(other.jwk as never, alg));
  });
});

describe('what we never sign', () => {
  it('SS-02: a private or symmetric key in a statement', async () => {
    expect(await code(state({ jwks: { keys: [{ ...leaf.jwk, d: 'x' }] } }))).toBe('jwk_private jwks/keys/0');
    expect(await code(state({ jwks: { keys: [{ kty: 'oct', kid: 'a', k: 'x' }] } }))).toBe('jwk_symmetric jwks/keys/0');
    expect(await code(configure({ jwks: { keys: [{ ...key.jwk, d: 'x' }] } }))).toBe('jwk_private jwks/keys/0');
  });
  it('SS-01: a Subordinate Statement about ourselves', async () => expect(await code(state({ sub: TA }))).toContain('subject_mismatch sub'));
  it('EC-03: an Entity Configuration without its own signing key', async () =>
    expect(await code(configure({ jwks: { keys: [leaf.jwk] } }))).toBe('signature_key_unknown jwks'));
  it('SS-11 SS-12: claims of the other kind', async () => {
    expect(await code(configure({ constraints: {} }))).toBe('claim_not_allowed constraints');
    expect(await code(state({ authority_hints: [TA] }))).toBe('claim_not_allowed authority_hints');
  });
  it('MD-04 WK-06: an authority without federation_entity, or without fetch and list endpoints', async () => {
    expect(await code(configure({}, { oauth_client: {} }))).toContain('metadata_invalid metadata/federation_entity');
    expect(await code(configure({}, { federation_entity: { federation_fetch_endpoint: `${TA}/fetch` } }))).toBe(
      'metadata_invalid metadata/federation_entity/federation_list_endpoint',
    );
  });
  it('MD-04: a Leaf with a fetch endpoint', async () =>
    expect(await code(configure({ hasSubordinates: false }))).toContain('metadata_invalid metadata/federation_entity/federation_fetch_endpoint'));
  it.each([
    ['http', 'http://ta.example.org/fetch'],
    ['a fragment', `${TA}/fetch#x`],
    ['a fragment behind a query', `${TA}/fetch?a#b`],
    ['no URL', 'fetch'],
  ])('MD-07: an endpoint with %s', async (_title, url) => {
    expect(await code(configure({}, { federation_entity: { ...endpoints, federation_fetch_endpoint: url } }))).toBe(
      'metadata_invalid metadata/federation_entity/federation_fetch_endpoint',
    );
  });
  it('MD-07: a query and a port are fine', async () =>
    expect(await code(configure({}, { federation_entity: { ...endpoints, federation_fetch_endpoint: 'https://ta.example.org:8443/f?x=1' } }))).toBe('ok'));
  it.each(['jwks', 'jwks_uri', 'signed_jwks_uri'])('MD-10: %s under federation_entity', async (name) =>
    expect(await code(configure({}, { federation_entity: { ...endpoints, [name]: 'https://a.example' } }))).toBe(
      `metadata_invalid metadata/federation_entity/${name}`,
    ),
  );
  it('MD-09: none among the endpoint algorithms', async () =>
    expect(await code(configure({}, { federation_entity: { ...endpoints, endpoint_auth_signing_alg_values_supported: ['none'] } }))).toContain(
      'endpoint_auth_signing_alg_values_supported',
    ));
  it.each(['openid_provider', 'oauth_authorization_server'])('MD-12 MD-13: %s with another issuer', async (type) => {
    expect(await code(configure({}, { federation_entity: endpoints, [type]: { issuer: 'https://other.example' } }))).toBe(
      `metadata_invalid metadata/${type}/issuer`,
    );
    expect(await code(configure({}, { federation_entity: endpoints, [type]: { issuer: TA } }))).toBe('ok');
  });
  it('MD-15 MD-16: jwks_uri and signed_jwks_uri are https', async () =>
    expect(await code(configure({}, { federation_entity: endpoints, oauth_client: { jwks_uri: 'http://a.example' } }))).toBe(
      'metadata_invalid metadata/oauth_client/jwks_uri',
    ));
  it('MD-18: contacts and keywords are arrays of strings', async () =>
    expect(await code(configure({}, { federation_entity: { ...endpoints, contacts: 'a@x' } }))).toBe('metadata_invalid metadata/federation_entity/contacts'));
  it('JO-09: a critical claim we do not publish', async () => {
    expect(await code(state({ crit: ['special'], special: 1 }))).toBe('crit_not_understood crit');
    expect(await code(state({ crit: ['special'], special: 1 }, { criticalClaims: ['special'] }))).toBe('ok');
    expect(await code(state({ crit: ['special'] }, { criticalClaims: ['special'] }))).toBe('crit_invalid crit');
  });
  it('a policy that contradicts itself', async () =>
    expect(await code(state({ metadata_policy: { t: { p: { one_of: ['a'], add: ['a'] } } } }))).toContain('policy_combination'));
  it('limits: a lifetime of seven days is signed, a second more is not', async () => {
    const lasting = (seconds: number) => code(state({ exp: NOW + seconds }));
    expect([
      await lasting(limits.MAX_STATEMENT_LIFETIME - 1),
      await lasting(limits.MAX_STATEMENT_LIFETIME),
      await lasting(limits.MAX_STATEMENT_LIFETIME + 1),
    ]).toEqual(['ok', 'ok', 'claim_invalid exp']);
  });
});

describe('limits of claims, at n-1, n and n+1', () => {
  const list = (length: number) => Array.from({ length }, (_, n) => `https://s${n}.example`);
  it('authority_hints: 16', async () => {
    const hints = (n: number) => code(configure({ authority_hints: list(n) }));
    expect([await hints(15), await hints(16), await hints(17)]).toEqual(['ok', 'ok', 'too_many authority_hints']);
  });
  it('trust_marks: 32', async () => {
    const mark = await key.jwt({ trust_mark_type: 'https://a.example' }, { typ: 'trust-mark+jwt' });
    const marks = (n: number) =>
      code(configure({ trust_marks: Array.from({ length: n }, () => ({ trust_mark_type: 'https://a.example', trust_mark: mark })) }));
    expect([await marks(31), await marks(32), await marks(33)]).toEqual(['ok', 'ok', 'too_many trust_marks']);
  });
  it('policy: 200 parameters', async () => {
    const policy = (n: number) => code(state({ metadata_policy: { t: Object.fromEntries(list(n).map((name) => [name, { essential: true }])) } }));
    expect([await policy(199), await policy(200), await policy(201)]).toEqual(['ok', 'ok', 'too_many metadata_policy']);
  });
  it('metadata: 64 KiB', async () => {
    const bare = JSON.stringify({ oauth_client: { a: '' } }).length;
    const metadata = (n: number) => code(state({ metadata: { oauth_client: { a: 'x'.repeat(n - bare) } } }));
    expect([await metadata(limits.MAX_METADATA_BYTES - 1), await metadata(limits.MAX_METADATA_BYTES), await metadata(limits.MAX_METADATA_BYTES + 1)]).toEqual([
      'ok',
      'ok',
      'too_large metadata',
    ]);
  });
});

describe('historical keys', () => {
  it('HK-02 HK-03 HK-04 JO-16: signed with typ jwk-set+jwt and kid, and read back', async () => {
    const keys = [{ ...leaf.jwk, iat: NOW - 100, exp: NOW - 50, revoked: { revoked_at: NOW - 60, reason: 'superseded' } }];
    const compact = await signHistoricalKeys({ iss: TA, iat: NOW, keys }, key);
    expect(decodeProtectedHeader(compact)).toMatchObject({ typ: 'jwk-set+jwt', kid: key.kid });
    expect(await validateHistoricalKeys(compact, { entityId: TA, jwks: { keys: [key.jwk] } })).toEqual({ ok: true, value: keys });
    expect(await validateHistoricalKeys(compact, { entityId: LEAF, jwks: { keys: [key.jwk] } })).toMatchObject({
      ok: false,
      findings: [{ code: 'issuer_mismatch' }],
    });
    expect((await validateHistoricalKeys(compact, { entityId: TA, jwks: { keys: [leaf.jwk] } })).ok).toBe(false);
  });
  it.each([
    ['without exp', { exp: undefined }],
    ['without kid', { kid: undefined }],
    ['revoked without a time', { revoked: {} }],
    ['with a fraction in exp', { exp: NOW + 0.5 }],
    ['that ends never', { exp: Number.POSITIVE_INFINITY }],
    ['with no number for nbf', { nbf: Number.NaN }],
    ['that begins before time', { iat: -1 }],
    ['revoked at a fraction', { revoked: { revoked_at: NOW - 0.25 } }],
    ['with a text for a time', { exp: `${NOW}` }],
    ['with its private part', { d: 'AAAA' }],
  ])('HK-03 HK-04: a key %s is not signed: the caller is told by a TypeError', async (_title, change) => {
    const one = { ...leaf.jwk, exp: NOW, ...change } as never;
    await expect(signHistoricalKeys({ iss: TA, iat: NOW, keys: [one] }, key)).rejects.toThrow(TypeError);
  });
  it.each(NO_TIMES)('EC-02 RFC 7519 §2: nothing is signed at %s', async (time) => {
    const at = time as number;
    await expect(signHistoricalKeys({ iss: TA, iat: at, keys: [] }, key)).rejects.toThrow(TypeError);
    const status = { iss: TA, iat: NOW, trust_mark: 'x', status: 'active' };
    await expect(signTrustMarkStatus({ ...status, iat: at }, key)).rejects.toThrow(TypeError);
    if (at !== undefined) await expect(signTrustMarkStatus({ ...status, exp: at }, key)).rejects.toThrow(TypeError);
    const mark = { iss: TA, sub: LEAF, iat: NOW, trust_mark_type: 'https://marks.example/a' };
    const claim = { ok: false, findings: [{ code: 'claim_invalid' }] };
    for (const sign of [signTrustMark, signTrustMarkDelegation]) {
      expect(await sign({ ...mark, iat: at }, { signer: key })).toMatchObject(claim);
      if (at !== undefined) expect(await sign({ ...mark, exp: at }, { signer: key })).toMatchObject(claim);
    }
    const response = { iss: TA, sub: LEAF, iat: NOW, exp: NOW + 1, metadata: {}, trust_chain: [] };
    expect(await signResolveResponse({ ...response, iat: at }, key)).toMatchObject(claim);
    expect(await signResolveResponse({ ...response, exp: at }, key)).toMatchObject(claim);
    expect(await state({ iat: at })).toMatchObject({ ok: false });
    expect(await state({ exp: at })).toMatchObject({ ok: false });
  });
  it.each(['JWT', undefined, 'entity-statement+jwt'])('JO-16: typ %s is refused', async (typ) => {
    const compact = await key.jwt({ iss: TA, iat: NOW, keys: [] }, { typ });
    expect(await validateHistoricalKeys(compact, { entityId: TA, jwks: { keys: [key.jwk] } })).toMatchObject({ ok: false, findings: [{ code: 'typ_wrong' }] });
  });
  it('HK-06: vouches inside its lifetime and before its revocation; compromised never', () => {
    const one = (revoked?: { revoked_at: number; reason?: string }) => [{ ...leaf.jwk, iat: 100, exp: 200, ...(revoked && { revoked }) }];
    const vouches = (iat: number, revoked?: { revoked_at: number; reason?: string }) => historicalKeyFor(one(revoked), { kid: leaf.kid, iat }) !== undefined;
    expect([99, 100, 199, 200].map((iat) => vouches(iat))).toEqual([false, true, true, false]);
    expect([149, 150].map((iat) => vouches(iat, { revoked_at: 150, reason: 'superseded' }))).toEqual([true, false]);
    expect(vouches(149, { revoked_at: 150, reason: 'compromised' })).toBe(false);
  });
});
