import { compactVerify, decodeJwt, decodeProtectedHeader, importJWK } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { limits, signTrustMark, signTrustMarkDelegation, signTrustMarkStatus, validateTrustMark } from '../../src/federation/entry.js';
import { isTrustMarkType, TRUST_MARK_STATUSES } from '../../src/federation/trust-mark-issue.js';
import { LEAF, NOW, TA } from '../support/chain.js';
import { type TestKey, testKey } from '../support/keys.js';

const TYPE = 'https://marks.example/a';
let key: TestKey;
beforeAll(async () => {
  key = await testKey();
});
const base = { iss: TA, sub: LEAF, trust_mark_type: TYPE, iat: NOW };
const said = (result: Awaited<ReturnType<typeof signTrustMark>>) =>
  result.ok ? 'ok' : result.findings.map(({ code, where, detail }) => `${code} ${where}: ${detail}`);
const sign = async (claims: object = {}, options: object = {}) => said(await signTrustMark({ ...base, ...claims } as never, { signer: key, ...options }));

describe('TM-02 TM-03 TM-13: what is signed as a mark or a delegation', () => {
  it('TM-03: a type is named by a URL of http or https', () => {
    expect([TYPE, 'http://marks.example/a', 'https://marks.example/a?b#c'].map(isTrustMarkType)).toEqual([true, true, true]);
    for (const type of [
      '',
      'a',
      'urn:example:a',
      'ftp://marks.example',
      ' https://marks.example',
      'xhttps://marks.example',
      'https://',
      'https://[',
      5,
      null,
      undefined,
      [TYPE],
    ])
      expect(isTrustMarkType(type), String(type)).toBe(false);
    const long = (length: number) => isTrustMarkType(TYPE.padEnd(length, 'x'));
    expect([long(2047), long(2048), long(2049)]).toEqual([true, true, false]);
  });
  it('JO-14: each kind has its own typ, and verifies with jose alone', async () => {
    for (const [make, typ] of [
      [signTrustMark, 'trust-mark+jwt'],
      [signTrustMarkDelegation, 'trust-mark-delegation+jwt'],
    ] as const) {
      const result = await make({ ...base, exp: NOW + 60, jti: 'one', logo_uri: 'https://m.example/l.svg', ref: 'http://m.example/r' }, { signer: key });
      const compact = result.ok ? result.value : '';
      expect(decodeProtectedHeader(compact)).toEqual({ typ, alg: 'ES256', kid: key.kid });
      expect(decodeJwt(compact)).toEqual({ ...base, exp: NOW + 60, jti: 'one', logo_uri: 'https://m.example/l.svg', ref: 'http://m.example/r' });
      await compactVerify(compact, await importJWK(key.jwk as never, 'ES256'));
    }
  });
  it('EI-01: both identifiers are Entity Identifiers; loopback only in development', async () => {
    expect(await sign({ iss: 'x', sub: 5 })).toEqual([
      'entity_id_invalid iss: "x" is no Entity Identifier',
      'entity_id_invalid sub: "5" is no Entity Identifier',
    ]);
    expect(await sign({ iss: 'http://localhost:1' })).toEqual(['entity_id_invalid iss: "http://localhost:1" is no Entity Identifier']);
    expect(await sign({ iss: 'http://localhost:1' }, { development: true })).toBe('ok');
  });
  it('TM-03: no URL for a type, with a remedy of its own', async () => {
    const result = await signTrustMark({ ...base, trust_mark_type: 'seal' }, { signer: key });
    expect(result).toMatchObject({
      ok: false,
      findings: [{ code: 'claim_invalid', where: 'trust_mark_type', detail: '"seal" is no URL', fix: 'Name a trust mark type by a URL.' }],
    });
  });
  it('TM-08: it ends after it begins', async () => {
    const ends = (exp: number) => sign({ exp });
    expect([await ends(NOW - 1), await ends(NOW), await ends(NOW + 1)]).toEqual([
      ['claim_invalid exp: it ends before it begins'],
      ['claim_invalid exp: it ends before it begins'],
      'ok',
    ]);
    expect(await sign({ exp: -5 }), 'one fault is told once').toEqual(['claim_invalid exp: it is not a whole number of seconds']);
    expect(await sign({ iat: NOW + 0.5, exp: NOW })).toEqual(['claim_invalid iat: it is not a whole number of seconds']);
    expect(await sign({ nbf: NOW + 0.5 })).toEqual(['claim_invalid nbf: it is not a whole number of seconds']);
  });
  it.each(['logo_uri', 'ref'])('TM-02: %s is a URL of http or https where it is given', async (name) => {
    for (const url of ['https://m.example/x', 'http://m.example']) expect(await sign({ [name]: url })).toBe('ok');
    for (const url of ['data:image/png,x', 'xhttps://m.example', 'https://', '', 5, null])
      expect(await sign({ [name]: url }), String(url)).toEqual([`claim_invalid ${name}: "${String(url)}" is no http(s) URL`]);
  });
  it('limits: what is signed fits into a statement', async () => {
    const bare = await signTrustMark({ ...base, filler: '' }, { signer: key });
    const room = limits.MAX_STATEMENT_BYTES - (bare.ok ? bare.value.length : 0);
    const filled = (length: number) => sign({ filler: 'x'.repeat(Math.floor((length * 3) / 4)) });
    expect(await filled(room - 4)).toBe('ok');
    expect(await filled(room + 8)).toEqual([expect.stringMatching(/^too_large trust mark: 26\d{4} bytes, more than 262144$/)]);
  });
  it('a mark that was signed holds for whoever reads it', async () => {
    const result = await signTrustMark({ ...base, exp: NOW + 60 }, { signer: key });
    const options = { now: NOW, subject: LEAF, issuer: { entityId: TA, jwks: { keys: [key.jwk] } }, anchor: { trust_mark_issuers: { [TYPE]: [TA] } } };
    expect((await validateTrustMark(result.ok ? result.value : '', options)).ok).toBe(true);
  });
});

describe('§8.4.2: what is signed as a status answer', () => {
  it('JO-15: its typ, its claims as they were given; an end is no must', async () => {
    for (const end of [{}, { exp: NOW + 60 }]) {
      const claims = { iss: TA, iat: NOW, trust_mark: 'm', status: 'active', ...end };
      const compact = await signTrustMarkStatus(claims, key);
      expect(decodeProtectedHeader(compact)).toEqual({ typ: 'trust-mark-status-response+jwt', alg: 'ES256', kid: key.kid });
      expect(decodeJwt(compact)).toEqual(claims);
    }
    await expect(signTrustMarkStatus(undefined as never, key)).rejects.toThrow(new TypeError('iat: whole seconds since the epoch are signed'));
    await expect(signTrustMarkStatus({ iss: TA, iat: NOW, exp: null as never, trust_mark: 'm', status: 'active' }, key)).rejects.toThrow(
      new TypeError('exp: whole seconds since the epoch are signed'),
    );
  });
  it('the states of the standard', () => expect(TRUST_MARK_STATUSES).toEqual(['active', 'expired', 'revoked', 'invalid']));
});
