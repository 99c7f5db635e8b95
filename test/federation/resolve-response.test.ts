import { decodeJwt, decodeProtectedHeader } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { limits, signResolveResponse, validateResolveResponse } from '../../src/federation/entry.js';
import { LEAF, NOW, TA, type TestFederation, testFederation } from '../support/chain.js';
import { testKey } from '../support/keys.js';

const MARK = { trust_mark_type: 'https://marks.example/a', trust_mark: 'a.b.c' };
let federation: TestFederation;
let chain: string[];
beforeAll(async () => {
  federation = await testFederation();
  chain = await federation.chain();
});
const said = (result: Awaited<ReturnType<typeof validateResolveResponse>>) =>
  result.ok ? 'ok' : result.findings.map(({ code, where, detail }) => `${code} ${where}: ${detail}`);
const read = async (claims: object = {}, options: object = {}, header: object = {}) => {
  const { ta } = federation.keys;
  const base = { iss: TA, sub: LEAF, iat: NOW, exp: NOW + 60, metadata: { openid_relying_party: {} }, trust_chain: chain };
  const compact = await ta.jwt({ ...base, ...claims }, { typ: 'resolve-response+jwt', ...header });
  return said(
    await validateResolveResponse(compact, {
      now: NOW,
      resolver: { entityId: TA, jwks: { keys: [ta.jwk] } },
      subject: LEAF,
      trustAnchor: TA,
      ...options,
    } as never),
  );
};

describe('RE-04: whose answer it is, about whom, for whom', () => {
  it('a sound one', async () => expect(await read()).toBe('ok'));
  it('JO-15: its typ and kid', async () => {
    expect(await read({}, {}, { typ: 'entity-statement+jwt' })).toEqual([expect.stringContaining('typ_wrong header/typ')]);
    expect(await read({}, {}, { kid: undefined })).toEqual([expect.stringContaining('kid_missing header/kid')]);
  });
  it.each(['iss', 'sub', 'iat', 'exp', 'metadata', 'trust_chain'])('%s is there', async (name) =>
    expect(await read({ [name]: undefined })).toEqual([expect.stringMatching(new RegExp(`^claim_invalid ${name}: `))]),
  );
  it('metadata is metadata', async () => {
    for (const metadata of [5, { t: { a: null } }]) expect(await read({ metadata })).toEqual([expect.stringMatching(/^metadata_invalid metadata/)]);
    expect(await read({ metadata: {} }), 'CO-10: nothing may be left of it').toBe('ok');
  });
  it('the resolver, the subject, the requester', async () => {
    expect(await read({ iss: 'https://other.example' })).toEqual([`issuer_mismatch iss: it names "https://other.example", not "${TA}"`]);
    expect(await read({ iss: 'x' }, { resolver: { entityId: 'x', jwks: { keys: [federation.keys.ta.jwk] } } }), 'no Entity Identifier').toEqual([
      'issuer_mismatch iss: it names "x", not "x"',
    ]);
    expect(
      await read({ iss: 'http://localhost:1' }, { development: true, resolver: { entityId: 'http://localhost:1', jwks: { keys: [federation.keys.ta.jwk] } } }),
    ).toBe('ok');
    expect(await read({ sub: TA })).toEqual([`subject_mismatch sub: it is about "${TA}", not "${LEAF}"`]);
    expect(await read({ aud: 'https://me.example' }, { audience: 'https://me.example' })).toBe('ok');
    expect(await read({ aud: 'https://me.example' })).toEqual(['audience_wrong aud: it is for "https://me.example"']);
    expect(await read({}, { audience: 'https://me.example' }), 'nobody is named').toBe('ok');
  });
  it('all faults at once, the signature last', async () => {
    expect(await read({ iss: 'https://other.example', sub: TA, exp: NOW - 1, trust_chain: [chain[1], chain[2]] })).toEqual([
      expect.stringContaining('chain_malformed trust_chain: its first'),
      expect.stringContaining('issuer_mismatch'),
      expect.stringContaining('subject_mismatch'),
      expect.stringContaining('expired'),
    ]);
    const other = (await testKey()).jwk;
    expect(await read({}, { resolver: { entityId: TA, jwks: { keys: [other] } } })).toEqual([expect.stringContaining('signature_key_unknown')]);
    expect(await read({}, { resolver: { entityId: TA, jwks: { keys: [{ ...other, kid: federation.keys.ta.kid }] } } })).toEqual([
      expect.stringContaining('signature_invalid'),
    ]);
    expect(await read({}, { resolver: { entityId: TA, jwks: { keys: [] } } })).toEqual(['jwks_invalid resolver/jwks: the set holds no key']);
    expect(await read({}, { resolver: undefined })).toHaveLength(2);
    const odd = { kty: 'AKP', kid: 'pq' };
    expect(await read({}, { resolver: { entityId: TA, jwks: { keys: [odd, federation.keys.ta.jwk] } } }), 'RFC 7517 §5').toBe('ok');
  });
  it('EV-04: the skew is for iat, not for exp', async () => {
    const { CLOCK_SKEW_SECONDS: skew } = limits;
    expect([await read({ iat: NOW + skew }), await read({ exp: NOW + 1 })]).toEqual(['ok', 'ok']);
    expect(await read({ iat: NOW + skew + 1 })).toEqual([expect.stringContaining('not_yet_valid iat')]);
    expect(await read({ exp: NOW })).toEqual([expect.stringContaining('expired exp')]);
  });
});

describe('RE-07: the chain', () => {
  it('begins with the subject’s own configuration and ends at the anchor asked for', async () => {
    expect(await read({ trust_chain: [chain[1], chain[2]] })).toEqual([
      `chain_malformed trust_chain: its first statement is not the Entity Configuration of "${LEAF}"`,
    ]);
    expect(await read({}, { trustAnchor: 'https://other.example' })).toEqual([
      'chain_malformed trust_chain: its last statement was not issued by "https://other.example"',
    ]);
    expect(await read({ trust_chain: ['x', 'y'] })).toHaveLength(2);
    expect(await read({ sub: TA, trust_chain: [chain[3]] }, { subject: TA }), 'TC-03: the anchor itself').toBe('ok');
  });
  it('a statement about the subject that another issued is not its configuration, nor is one it issued about another', async () => {
    const about = await federation.keys.leaf.jwt({ iss: LEAF, sub: TA });
    for (const first of [chain[1], about]) expect(await read({ trust_chain: [first, chain[3]] })).toEqual([expect.stringContaining('its first statement')]);
  });
  it('limits: up to twelve statements, each a text', async () => {
    const most = limits.MAX_CHAIN_DEPTH + 2;
    const of = (n: number) => read({ trust_chain: [chain[0], ...Array.from({ length: n - 2 }, () => 'x'), chain[3]] });
    expect([await of(most - 1), await of(most)]).toEqual(['ok', 'ok']);
    expect(await of(most + 1)).toEqual([expect.stringMatching(/^claim_invalid trust_chain: /)]);
    expect(await read({ trust_chain: [] })).toEqual([expect.stringMatching(/^claim_invalid trust_chain: /)]);
    expect(await read({ trust_chain: [chain[0], 5, chain[3]] })).toEqual([expect.stringMatching(/^claim_invalid trust_chain\/1: /)]);
  });
});

describe('RE-09: the marks', () => {
  it('as many as there are: how many are looked at is the reader’s choice', async () => {
    for (const n of [0, limits.MAX_TRUST_MARKS, limits.MAX_TRUST_MARKS + 1, 500])
      expect(await read({ trust_marks: Array.from({ length: n }, () => MARK) }), String(n)).toBe('ok');
  });
  it('each with its type, whatever else it says', async () => {
    expect(await read({ trust_marks: [{ ...MARK, more: 1 }] })).toBe('ok');
    for (const odd of [5, null, {}, { ...MARK, trust_mark: 5 }, { ...MARK, trust_mark_type: undefined }])
      expect(await read({ trust_marks: [MARK, odd, odd] })).toEqual([expect.stringMatching(/^claim_invalid trust_marks\/1: /)]);
    for (const odd of ['x', {}, null]) expect(await read({ trust_marks: odd })).toEqual([expect.stringMatching(/^claim_invalid trust_marks: /)]);
  });
});

describe('RE-03 RE-04: what is signed', () => {
  const response = { iss: TA, sub: LEAF, iat: NOW, exp: NOW + 60, metadata: {}, trust_chain: [] as string[] };
  it('its typ and kid, its claims as they were given', async () => {
    const signed = await signResolveResponse({ ...response, trust_marks: [MARK], aud: LEAF }, federation.keys.ta);
    const compact = signed.ok ? signed.value : '';
    expect(decodeProtectedHeader(compact)).toEqual({ typ: 'resolve-response+jwt', alg: 'ES256', kid: federation.keys.ta.kid });
    expect(decodeJwt(compact)).toEqual({ ...response, trust_marks: [MARK], aud: LEAF });
  });
  it('limits: as long as a chain may be', async () => {
    const sized = async (length: number) => {
      const signed = await signResolveResponse({ ...response, trust_chain: ['x'.repeat(length)] }, federation.keys.ta);
      return signed.ok ? signed.value.length <= limits.MAX_CHAIN_BYTES : signed.findings.map(({ code, where, detail }) => `${code} ${where}: ${detail}`);
    };
    const room = Math.floor((limits.MAX_CHAIN_BYTES * 3) / 4);
    expect(await sized(room - 600)).toBe(true);
    expect(await sized(room)).toEqual([expect.stringMatching(/^too_large resolve response: 104\d{4} bytes, more than 1048576$/)]);
  });
});
