import { base64url, CompactSign, exportJWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { candidateKeys, KEY_PROOF_TYP, keyProofClaims, verifyKeyProof } from '../../src/federation/key-proof.js';
import { NOW } from '../support/chain.js';
import { testKey } from '../support/keys.js';

const AUTHORITY = 'https://anchor.example.org';
const SUBJECT = 'https://rp.example.com';
const CLAIMS = keyProofClaims({ aud: AUTHORITY, nonce: 'n', purpose: 'bind' }, SUBJECT, 'j', NOW);
const given = { audience: AUTHORITY, subject: SUBJECT, purpose: 'bind', now: NOW } as const;
const typ = { typ: KEY_PROOF_TYP };

describe('registry §2.1: a proof that somebody has a key', () => {
  it('is good by each kind of key, with an audience as a string or as an array of just that', async () => {
    for (const alg of ['ES256', 'ES384', 'ES512', 'Ed25519'] as const) {
      const key = await testKey(alg);
      for (const aud of [AUTHORITY, [AUTHORITY]]) {
        const proof = await verifyKeyProof(await key.jwt({ ...CLAIMS, aud }, typ), { ...given, candidates: { keys: [key.jwk] } });
        expect(proof, `${alg} ${String(aud)}`).toMatchObject({ ok: true, value: { jwk: key.jwk, nonce: 'n', jti: 'j' } });
      }
    }
  });

  const wrong: readonly (readonly [name: string, claims: object, header: object, code: string, where: string])[] = [
    ['another audience', { aud: 'https://other.example' }, {}, 'audience_wrong', 'aud'],
    ['two audiences', { aud: [AUTHORITY, 'https://other.example'] }, {}, 'audience_wrong', 'aud'],
    ['the same audience twice', { aud: [AUTHORITY, AUTHORITY] }, {}, 'audience_wrong', 'aud'],
    ['no audience', { aud: undefined }, {}, 'audience_wrong', 'aud'],
    ['the audience but for its spelling', { aud: `${AUTHORITY}/` }, {}, 'audience_wrong', 'aud'],
    ['another issuer', { iss: 'https://other.example' }, {}, 'subject_mismatch', 'iss'],
    ['another subject', { sub: 'https://other.example' }, {}, 'subject_mismatch', 'sub'],
    ['another purpose', { purpose: 'resume' }, {}, 'key_proof_wrong', 'purpose'],
    ['a time in the future', { iat: NOW + 100, exp: NOW + 300 }, {}, 'not_yet_valid', 'iat'],
    ['an end that has passed', { iat: NOW - 200, exp: NOW }, {}, 'expired', 'exp'],
    ['an end too far away', { exp: NOW + 301 }, {}, 'claim_invalid', 'exp'],
    ['a life too long, most of it past', { iat: NOW - 3600, exp: NOW + 60 }, {}, 'claim_invalid', 'exp'],
    ['no iat', { iat: undefined }, {}, 'claim_invalid', 'iat'],
    ['no exp', { exp: undefined }, {}, 'claim_invalid', 'exp'],
    ['a time in words', { iat: 'today' }, {}, 'claim_invalid', 'iat'],
    ['no nonce', { nonce: undefined }, {}, 'claim_invalid', 'nonce'],
    ['an endless nonce', { nonce: 'n'.repeat(257) }, {}, 'claim_invalid', 'nonce'],
    ['no jti', { jti: undefined }, {}, 'claim_invalid', 'jti'],
    ['another typ', {}, { typ: 'jwt' }, 'typ_wrong', 'header/typ'],
    ['a kid nobody has', {}, { kid: 'other' }, 'signature_key_unknown', 'header/kid'],
    ['a key in the header', {}, { jwk: { kty: 'EC' } }, 'header_not_allowed', 'header/jwk'],
    ['a place of a key in the header', {}, { jku: 'https://evil.example/jwks' }, 'header_not_allowed', 'header/jku'],
    ['a certificate in the header', {}, { x5c: ['AA=='] }, 'header_not_allowed', 'header/x5c'],
    ['a place of a certificate in the header', {}, { x5u: 'https://evil.example/x' }, 'header_not_allowed', 'header/x5u'],
  ];
  it.each(wrong)('refuses %s', async (_, claims, header, code, where) => {
    const key = await testKey();
    const proof = await verifyKeyProof(await key.jwt({ ...CLAIMS, ...claims }, { ...typ, ...header }), { ...given, candidates: { keys: [key.jwk] } });
    expect(proof).toMatchObject({ ok: false, findings: [{ code, where, clause: expect.stringMatching(/^OpenID Federation/) }] });
  });

  it('refuses alg none, an HMAC with the public key, another key under the kid, changed bytes, and what is no JWS', async () => {
    const [key, other] = [await testKey(), await testKey()];
    const candidates = { keys: [key.jwk] };
    const part = (value: object) => base64url.encode(JSON.stringify(value));
    const secret = new TextEncoder().encode(JSON.stringify(await exportJWK(key.privateKey)).padEnd(32));
    const hmac = await new CompactSign(new TextEncoder().encode(JSON.stringify(CLAIMS)))
      .setProtectedHeader({ alg: 'HS256', kid: key.kid, ...typ })
      .sign(secret);
    const good = await key.jwt(CLAIMS, typ);
    for (const [compact, code] of [
      [`${part({ alg: 'none', kid: key.kid, ...typ })}.${part(CLAIMS)}.AA`, 'alg_not_accepted'],
      [hmac, 'alg_not_accepted'],
      [await other.jwt(CLAIMS, { ...typ, kid: key.kid }), 'signature_invalid'],
      [good.replace(/\.[^.]*\./, `.${part({ ...CLAIMS, nonce: 'x' })}.`), 'signature_invalid'],
      ['', 'jws_malformed'],
      [`${good}.x`, 'jws_malformed'],
      [undefined, 'jws_malformed'],
      ['x'.repeat(16 * 1024 + 1), 'too_large'],
    ] as const)
      expect(await verifyKeyProof(compact, { ...given, candidates })).toMatchObject({ ok: false, findings: [{ code }] });
  });

  it('refuses a kid that names two keys; the same key in two sets is one', async () => {
    const [key, twin] = [await testKey('ES256', 'k'), await testKey('ES256', 'k')];
    const compact = await key.jwt(CLAIMS, typ);
    const two = candidateKeys({ keys: [key.jwk] }, { keys: [twin.jwk] });
    expect(await verifyKeyProof(compact, { ...given, candidates: two })).toMatchObject({ ok: false, findings: [{ code: 'signature_key_unknown' }] });
    const one = candidateKeys({ keys: [key.jwk] }, { keys: [{ ...key.jwk, use: 'sig' }] });
    expect(await verifyKeyProof(compact, { ...given, candidates: one })).toMatchObject({ ok: true });
  });
});
