import { beforeAll, describe, expect, it } from 'vitest';
import { limits, parseClientAssertion } from '../../src/federation/entry.js';
import { LEAF, NOW, TA } from '../support/chain.js';
import { type TestKey, testKey } from '../support/keys.js';

let key: TestKey;
beforeAll(async () => {
  key = await testKey();
});
const check = async (claims: object = {}, header: object = {}) => {
  const compact = await key.jwt({ iss: LEAF, sub: LEAF, aud: TA, jti: 'one', iat: NOW, exp: NOW + 60, ...claims }, { typ: 'JWT', ...header });
  const result = parseClientAssertion(compact, { audience: TA, now: NOW });
  return result.ok ? 'ok' : result.findings.map(({ code }) => code).join('; ');
};

describe('a client assertion at a federation endpoint', () => {
  it('CA-03 trap 18: aud is the entity asked and nothing else', async () => {
    expect(await check()).toBe('ok');
    expect(await check({ aud: [TA] })).toBe('ok');
    for (const aud of [`${TA}/`, `${TA}/fetch`, [TA, LEAF], [], undefined, { 0: TA }]) expect(await check({ aud })).toBe('audience_wrong');
  });
  it('iss and sub are both the caller', async () => expect(await check({ sub: TA })).toBe('subject_mismatch'));
  it.each(['iss', 'sub', 'jti', 'exp'])('%s is required', async (claim) => expect(await check({ [claim]: undefined })).toBe('claim_invalid'));
  it('an Entity Statement is no assertion', async () => expect(await check({}, { typ: 'entity-statement+jwt' })).toBe('typ_wrong'));
  it('times: expired, from the future, and longer-lived than five minutes', async () => {
    expect(await check({ exp: NOW })).toBe('expired');
    expect(await check({ iat: NOW + 61 })).toBe('not_yet_valid');
    const longest = limits.MAX_ASSERTION_LIFETIME + limits.CLOCK_SKEW_SECONDS;
    expect([await check({ exp: NOW + longest - 1 }), await check({ exp: NOW + longest }), await check({ exp: NOW + longest + 1 })]).toEqual([
      'ok',
      'ok',
      'claim_invalid',
    ]);
  });
  it('RFC 7515 §4.1.9: typ is a media type: in any case, with application/ or without; another kind is another kind', async () => {
    for (const typ of ['JWT', 'Jwt', 'application/jwt', 'Application/JWT', 'Client-Authentication+JWT', 'application/client-authentication+jwt', undefined])
      expect(await check({}, { typ }), typ).toBe('ok');
    for (const typ of ['', 'application/', 'application/application/jwt', 'xjwt', 'jwtx', 'jwt ', 'application/at+jwt', 'Trust-Mark+JWT', 5, null, ['JWT']])
      expect(await check({}, { typ }), String(typ)).toBe('typ_wrong');
  });
  it('the caller is an Entity Identifier; loopback only in development', async () => {
    for (const iss of ['client', 'https://x.example?y', 'http://localhost:1']) expect(await check({ iss, sub: iss }), iss).toBe('entity_id_invalid');
    const local = 'http://localhost:1';
    const compact = await key.jwt({ iss: local, sub: local, aud: TA, jti: 'one', exp: NOW + 60 });
    const read = (development: boolean) =>
      parseClientAssertion(compact.replace(/^[^.]*/, btoa('{"alg":"ES256"}').replace(/=+$/, '')), { audience: TA, now: NOW, development }).ok;
    expect([read(true), read(false)]).toEqual([true, false]);
  });
  it('a fault is told with its place, and what was wanted', async () => {
    const told = async (claims: object) => {
      const result = parseClientAssertion(await key.jwt({ iss: LEAF, sub: LEAF, aud: TA, jti: 'one', exp: NOW + 60, ...claims }, { typ: 'JWT' }), {
        audience: TA,
        now: NOW,
      });
      return result.ok ? 'ok' : result.findings.map(({ where, detail }) => `${where}: ${detail}`).join('; ');
    };
    expect(await told({ sub: TA })).toBe('sub: "iss" and "sub" are both the caller');
    expect(await told({ aud: [TA, TA] })).toBe(`aud: it is not exactly ${TA}`);
    expect(await told({ exp: NOW + 999 })).toBe('exp: an assertion lives at most 300 s');
    expect(await told({ nbf: NOW + 61 })).toBe('nbf: it is not valid for another 61 s');
    expect(await told({ iat: 'x', nbf: 'y' })).toMatch(/^iat: .*; nbf: /);
    expect(await told({ aud: [[TA]] })).toMatch(/^aud/);
  });
  it('limits: a jti of 256 characters, and one at least', async () => {
    const jti = (length: number) => check({ jti: 'j'.repeat(length) });
    expect([await jti(0), await jti(1), await jti(255), await jti(256), await jti(257)]).toEqual(['claim_invalid', 'ok', 'ok', 'ok', 'claim_invalid']);
    expect(await check({ jti: 5 })).toBe('claim_invalid');
  });
  it('iat and nbf may be absent, and have the skew; what comes back is what was sent', async () => {
    expect([await check({ iat: undefined }), await check({ iat: NOW + 60 }), await check({ nbf: NOW + 60 })]).toEqual(['ok', 'ok', 'ok']);
    const sent = { iss: LEAF, sub: LEAF, aud: [TA], jti: 'one', exp: NOW + 60, more: { a: 1 } };
    expect(parseClientAssertion(await key.jwt(sent, { typ: 'JWT' }), { audience: TA, now: NOW })).toMatchObject({
      ok: true,
      value: { claims: sent, header: { kid: key.kid } },
    });
  });
  it('limits: 16 KiB', async () => {
    const bare = (await key.jwt({ iss: LEAF, sub: LEAF, aud: TA, jti: 'one', iat: NOW, exp: NOW + 60 }, { typ: 'JWT' })).length;
    const big = (bytes: number) => check({ filler: 'x'.repeat(Math.floor(((bytes - bare) * 3) / 4) - 20) });
    expect([await big(limits.MAX_ASSERTION_BYTES), await big(limits.MAX_ASSERTION_BYTES + 64)]).toEqual(['ok', 'too_large']);
  });
});
