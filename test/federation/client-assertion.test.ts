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
  it('limits: 16 KiB', async () => {
    const bare = (await key.jwt({ iss: LEAF, sub: LEAF, aud: TA, jti: 'one', iat: NOW, exp: NOW + 60 }, { typ: 'JWT' })).length;
    const big = (bytes: number) => check({ filler: 'x'.repeat(Math.floor(((bytes - bare) * 3) / 4) - 20) });
    expect([await big(limits.MAX_ASSERTION_BYTES), await big(limits.MAX_ASSERTION_BYTES + 64)]).toEqual(['ok', 'too_large']);
  });
});
