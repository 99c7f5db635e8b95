import { beforeAll, describe, expect, it } from 'vitest';
import { parseTrustMark, type TrustMarkOptions, validateTrustMark } from '../../src/federation/entry.js';
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

describe('what is said of a mark that does not hold', () => {
  const said = async (compact: unknown, more: Partial<TrustMarkOptions> = {}) => {
    const result = await validateTrustMark(compact, { ...options, ...more });
    return result.ok ? 'valid' : result.findings.map(({ code, where, detail }) => `${code} ${where}: ${detail}`).join('; ');
  };
  const delegated = async (claims: object, more: Partial<TrustMarkOptions> = owned()) => said(await mark({ delegation: await delegation(claims) }), more);

  it('what is given back is the mark and its claims', async () => {
    const compact = await mark({ ref: 'x' });
    expect(await validateTrustMark(compact, options)).toEqual({
      ok: true,
      value: { compact, claims: { iss: ISSUER, sub: LEAF, trust_mark_type: TYPE, iat: NOW - 10, exp: NOW + 100, ref: 'x' } },
    });
  });
  it('each fault has its place', async () => {
    expect(await said(await mark({ iat: 'x', exp: -1 }))).toMatch(/^claim_invalid iat: .*; claim_invalid exp: /);
    expect(await said(await mark({ trust_mark_type: '' }))).toMatch(/^claim_invalid trust_mark_type: /);
    expect(await said(await mark({ iss: 'x', sub: TA }), { anchor: {} })).toBe(
      [
        'entity_id_invalid iss: "x" is no Entity Identifier',
        `trust_mark_subject sub: it was issued to "${TA}"`,
        `trust_mark_not_recognized trust_mark_type: "${TYPE}" is not listed`,
      ].join('; '),
    );
    expect(await said(await mark(), { anchor: { trust_mark_issuers: { [TYPE]: [TA] } } })).toBe(`trust_mark_issuer iss: "${ISSUER}" may not issue "${TYPE}"`);
    expect(await said(await mark({ iss: OWNER }), { anchor: { trust_mark_issuers: { [TYPE]: [] } } })).toBe(
      `issuer_mismatch iss: it names "${OWNER}", not "${ISSUER}"`,
    );
    expect(await said(await mark(), owned())).toBe(`delegation_missing delegation: the type "${TYPE}" has an owner`);
  });
  it('a type that only has an owner is listed; names that every object has are none', async () => {
    const { trust_mark_owners } = owned().anchor;
    expect(await delegated({}, { anchor: { trust_mark_owners } })).toBe('valid');
    expect(await said(await mark({ trust_mark_type: 'toString' }))).toBe('trust_mark_not_recognized trust_mark_type: "toString" is not listed');
  });
  it('further media types are for the caller to name, and no others', async () => {
    const special = await mark({}, { typ: 'special-mark+jwt' });
    expect(await said(special)).toBe('typ_wrong header/typ: it is "special-mark+jwt", not trust-mark+jwt');
    expect(await said(special, { types: ['other+jwt'] })).toBe('typ_wrong header/typ: it is "special-mark+jwt", not trust-mark+jwt or other+jwt');
    expect(await said(await mark(), { types: ['other+jwt'] })).toBe('valid');
  });
  it('TM-08: times at the boundary', async () => {
    expect(await Promise.all([1, 0, -1].map(async (s) => verdict(await mark({ exp: NOW + s }))))).toEqual(['valid', 'expired', 'expired']);
    expect(await Promise.all([59, 60, 61].map(async (s) => verdict(await mark({ iat: NOW + s }))))).toEqual(['valid', 'valid', 'not_yet_valid']);
    expect(await said(await mark({ exp: NOW }))).toMatch(/^expired exp: /);
  });
  it('TM-14: a delegation is told apart from the mark around it', async () => {
    expect(await delegated({ sub: TA })).toBe(`delegation_invalid delegation sub: it delegates to "${TA}", the mark's issuer is "${ISSUER}"`);
    expect(await delegated({ trust_mark_type: 'x' })).toBe('delegation_invalid delegation trust_mark_type: it is for "x"');
    expect(await delegated({ iss: TA })).toBe(`delegation_invalid delegation iss: it comes from "${TA}", the owner is "${OWNER}"`);
    expect(await delegated({ exp: NOW })).toMatch(/^expired delegation exp: /);
    expect(await delegated({ iat: null })).toMatch(/^claim_invalid delegation iat: /);
    expect(await delegated({}, {})).toMatch(/^delegation_invalid delegation iss: the Trust Anchor names no owner/);
  });
  it('RFC 7517 §5: of the owner’s keys one that is of use is enough; without any the place is named', async () => {
    const owner_ = (...keys: unknown[]) => ({ anchor: { trust_mark_owners: { [TYPE]: { sub: OWNER, jwks: { keys } as never } } } });
    const unusable = { kty: 'AKP', kid: 'pq' };
    expect(await delegated({}, owner_(unusable, owner.jwk))).toBe('valid');
    expect(await delegated({}, owner_(unusable))).toMatch(/^jwk_unsupported delegation trust_mark_owners\/keys\/0: /);
    expect(await delegated({}, owner_())).toMatch(/^jwks_invalid delegation trust_mark_owners: /);
  });
  it('the end of the delegation is told beside that of the mark', async () => {
    const ends = async (exp: number | undefined) => {
      const parsed = await parseTrustMark(await mark({ delegation: await delegation({ exp }) }), { ...options, ...owned() });
      return parsed.ok && [parsed.value.claims.exp, parsed.value.delegationExp];
    };
    expect([await ends(NOW + 5), await ends(undefined)]).toEqual([
      [NOW + 100, NOW + 5],
      [NOW + 100, undefined],
    ]);
    const bare = await parseTrustMark(await mark(), options);
    expect(bare.ok && bare.value.delegationExp).toBe(undefined);
  });
});
