import { beforeAll, describe, expect, it } from 'vitest';
import { type TrustMarkOptions, validateTrustMark } from '../../src/federation/entry.js';
import { flipSignature, LEAF, NOW, TA } from '../support/chain.js';
import { type TestKey, testKey } from '../support/keys.js';

const ISSUER = 'https://issuer.example.org';
const OWNER = 'https://owner.example.org';
const TYPE = 'https://marks.example.org/certified';
let issuer: TestKey;
let owner: TestKey;
let options: TrustMarkOptions;
beforeAll(async () => {
  [issuer, owner] = await Promise.all([testKey(), testKey()]);
  options = { now: NOW, subject: LEAF, issuer: { entityId: ISSUER, jwks: { keys: [issuer.jwk] } }, anchor: { trust_mark_issuers: { [TYPE]: [ISSUER] } } };
});

const mark = (claims: object = {}, header: object = {}, key = issuer) =>
  key.jwt({ iss: ISSUER, sub: LEAF, trust_mark_type: TYPE, iat: NOW - 10, exp: NOW + 100, ...claims }, { typ: 'trust-mark+jwt', ...header });
const delegation = (claims: object = {}, header: object = {}, key = owner) =>
  key.jwt({ iss: OWNER, sub: ISSUER, trust_mark_type: TYPE, iat: NOW - 10, ...claims }, { typ: 'trust-mark-delegation+jwt', ...header });
const owned = () => ({ anchor: { ...options.anchor, trust_mark_owners: { [TYPE]: { sub: OWNER, jwks: { keys: [owner.jwk] } } } } });
async function verdict(compact: unknown, more: Partial<TrustMarkOptions> = {}): Promise<string> {
  const result = await validateTrustMark(compact, { ...options, ...more });
  return result.ok ? 'valid' : result.findings.map(({ code }) => code).join('; ');
}

describe('a trust mark', () => {
  it('TM-06 TM-02: holds, with and without exp, with claims nobody knows', async () => {
    expect(await verdict(await mark())).toBe('valid');
    expect(await verdict(await mark({ exp: undefined, logo_uri: 'https://a.example/l.png', ref: 'x', extra: 1 }))).toBe('valid');
  });
  it.each(['iss', 'sub', 'trust_mark_type', 'iat'])('TM-02: %s is required', async (claim) =>
    expect(await verdict(await mark({ [claim]: undefined }))).toBe('claim_invalid'),
  );
  it.each(['JWT', undefined, 'entity-statement+jwt', 'trust-mark-delegation+jwt'])('TM-06 JO-14: typ %s is refused', async (typ) =>
    expect(await verdict(await mark({}, { typ }))).toBe('typ_wrong'),
  );
  it('JO-14: kid is required', async () => expect(await verdict(await mark({}, { kid: undefined }))).toBe('kid_missing'));
  it('JO-14: a type of the trust framework can be accepted by name', async () =>
    expect(await verdict(await mark({}, { typ: 'special-mark+jwt' }), { types: ['special-mark+jwt'] })).toBe('valid'));
  it('TM-07: copied to another subject it is not valid', async () => expect(await verdict(await mark(), { subject: TA })).toBe('trust_mark_subject'));
  it('TM-08: expired, or from the future', async () => {
    expect(await verdict(await mark({ exp: NOW }))).toBe('expired');
    expect(await verdict(await mark({ iat: NOW + 61 }))).toBe('not_yet_valid');
  });
  it('TM-06: one changed byte, or another key under the same kid', async () => {
    expect(await verdict(flipSignature(await mark()))).toBe('signature_invalid');
    expect(await verdict(await mark({}, {}, await testKey('ES256', issuer.kid)))).toBe('signature_invalid');
  });
  it('TM-01 TM-05: the keys are those of the issuer the caller established trust in', async () =>
    expect(await verdict(await mark({ iss: OWNER }), { anchor: { trust_mark_issuers: { [TYPE]: [] } } })).toBe('issuer_mismatch'));
  it('TM-11 trap 15: an issuer that is not listed is refused, an empty list means anyone', async () => {
    expect(await verdict(await mark(), { anchor: { trust_mark_issuers: { [TYPE]: [TA] } } })).toBe('trust_mark_issuer');
    expect(await verdict(await mark(), { anchor: { trust_mark_issuers: { [TYPE]: [] } } })).toBe('valid');
  });
  it('TM-12: a type that is not listed is not recognized, unless accepted by local choice', async () => {
    expect(await verdict(await mark(), { anchor: {} })).toBe('trust_mark_not_recognized');
    expect(await verdict(await mark(), { anchor: {}, acceptUnlisted: true })).toBe('valid');
  });
  it('TM-04: a self-signed mark of an open type', async () => {
    const self = { entityId: LEAF, jwks: { keys: [issuer.jwk] } };
    expect(await verdict(await mark({ iss: LEAF }), { issuer: self, anchor: { trust_mark_issuers: { [TYPE]: [] } } })).toBe('valid');
  });
});

describe('delegation', () => {
  it('TM-09 trap 14: is compulsory as soon as the type has an owner', async () => expect(await verdict(await mark(), owned())).toBe('delegation_missing'));
  it('TM-10 TM-13: holds', async () => {
    expect(await verdict(await mark({ delegation: await delegation() }), owned())).toBe('valid');
    expect(await verdict(await mark({ delegation: await delegation({ exp: NOW + 5, ref: 'x' }) }), owned())).toBe('valid');
  });
  it('TM-14: iss is the owner, sub the issuer, the type the same', async () => {
    for (const claims of [{ iss: TA }, { sub: TA }, { trust_mark_type: 'https://marks.example.org/other' }]) {
      expect(await verdict(await mark({ delegation: await delegation(claims) }), owned())).toBe('delegation_invalid');
    }
  });
  it('TM-15: typ, times and signature', async () => {
    expect(await verdict(await mark({ delegation: await delegation({}, { typ: 'trust-mark+jwt' }) }), owned())).toBe('typ_wrong');
    expect(await verdict(await mark({ delegation: await delegation({ exp: NOW - 1 }) }), owned())).toBe('expired');
    expect(await verdict(await mark({ delegation: await delegation({ iat: NOW + 61 }) }), owned())).toBe('not_yet_valid');
    expect(await verdict(await mark({ delegation: flipSignature(await delegation()) }), owned())).toBe('signature_invalid');
    expect(await verdict(await mark({ delegation: await delegation({ iat: undefined }) }), owned())).toBe('claim_invalid');
  });
  it('TM-16 trap 14: its key comes from trust_mark_owners, not from anywhere else', async () => {
    const other = await testKey();
    expect(await verdict(await mark({ delegation: await delegation({}, {}, other) }), owned())).toBe('signature_key_unknown');
  });
  it('TM-10: one that is present is always validated, also when the type has no listed owner', async () =>
    expect(await verdict(await mark({ delegation: await delegation() }))).toBe('delegation_invalid'));
});
