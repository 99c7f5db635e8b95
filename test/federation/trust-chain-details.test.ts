import { beforeAll, describe, expect, it } from 'vitest';
import { checkTrustChainHeaders, limits, validateTrustChain } from '../../src/federation/entry.js';
import { INTERMEDIATE, LEAF, NOW, TA, type TestFederation, testFederation } from '../support/chain.js';
import { testKey } from '../support/keys.js';

const TYPE = 'https://marks.example/a';
const OWNERS = { [TYPE]: { sub: 'https://owner.example', jwks: { keys: [{ kty: 'AKP', kid: 'pq' }] } } };
let federation: TestFederation;
beforeAll(async () => {
  federation = await testFederation();
});
const validate = async (chain: readonly string[], options: object = {}) =>
  validateTrustChain(chain, { anchors: federation.anchors, now: NOW, ...options } as never);
const said = (result: Awaited<ReturnType<typeof validateTrustChain>>) =>
  result.ok ? 'ok' : result.findings.map(({ code, where, detail }) => `${code} ${where}: ${detail}`);

describe('what a chain that holds says', () => {
  it('TC-15: whose it is, under whom, which statements, until when', async () => {
    const chain = await federation.chain({ claims: { 1: { exp: NOW + 77.5 } } });
    const result = await validate(chain);
    expect(result).toMatchObject({ ok: true, value: { subject: LEAF, trustAnchor: TA, exp: NOW + 77.5, anchor: {} } });
    expect(result.ok && result.value.statements.map(({ compact }) => compact)).toEqual(chain);
  });
  it('EC-11 §3.1.2: issuers and owners of marks as the Trust Anchor’s configuration has them, and no other', async () => {
    const anchorOf = async (claims: object, statements = 4) => {
      const result = await validate((await federation.chain({ claims: { 3: claims as never } })).slice(0, statements));
      return result.ok ? result.value.anchor : said(result);
    };
    const issuers = { trust_mark_issuers: { [TYPE]: [] } };
    const owners = { trust_mark_owners: OWNERS };
    for (const claims of [{}, issuers, owners, { ...issuers, ...owners }]) expect(await anchorOf(claims)).toEqual(claims);
    expect(await anchorOf({ ...issuers, ...owners }, 3), 'its configuration is left out').toEqual({});
    const own = await validate([(await federation.chain({ claims: { 3: issuers } }))[3] as string]);
    expect(own, 'TC-03: of the anchor itself').toMatchObject({ ok: true, value: { subject: TA, trustAnchor: TA, anchor: issuers } });
    const below = await federation.chain({ claims: { 0: { ...issuers, ...owners } } });
    expect(await validate(below)).toMatchObject({ ok: true, value: { anchor: {} } });
  });
});

describe('the pinned keys', () => {
  it('RFC 7517 §5: one that cannot be used beside a good one is passed over; none that can be used is told', async () => {
    const chain = await federation.chain();
    const odd = { kty: 'AKP', kid: 'pq' };
    const pinned = (...keys: unknown[]) => validate(chain, { anchors: { [TA]: { keys } } });
    expect(said(await pinned(odd, federation.keys.ta.jwk))).toBe('ok');
    expect(said(await pinned(odd))).toEqual([expect.stringMatching(new RegExp(`^jwk_unsupported anchors/${TA}/keys/0: `))]);
    expect(said(await pinned())).toEqual([`jwks_invalid anchors/${TA}: the set holds no key`]);
    expect(said(await pinned((await testKey()).jwk))).toHaveLength(2);
    for (const anchors of [undefined, null, [], 5])
      expect(said(await validate(chain, { anchors }))).toEqual([expect.stringContaining('trust_anchor_unknown ES[3] iss')]);
  });
  it('TC-11: of the anchor’s own statements alone: what lies below is verified by the statement above it', async () => {
    const other = (await testKey()).jwk;
    const chain = await federation.chain();
    expect(said(await validate(chain, { anchors: { ...federation.anchors, [INTERMEDIATE]: { keys: [other] } } }))).toBe('ok');
  });
});

describe('order and kind', () => {
  it('each fault in words', async () => {
    const chain = await federation.chain();
    expect(said(await validate([]))).toEqual(['chain_malformed chain: a chain is a non-empty array of compact JWTs']);
    expect(said(await validate(Array.from({ length: limits.MAX_CHAIN_DEPTH + 3 }, () => 'x')))).toEqual(['too_many chain: 13 statements, more than 12']);
    expect(said(await validate([chain[0], chain[1], chain[1], chain[2], chain[3]] as string[]))).toContain('chain_loop chain: an entity occurs twice');
    expect(said(await validate([5, {}] as never))).toEqual(['jws_malformed ES[0]: it is not a compact JWS', 'jws_malformed ES[1]: it is not a compact JWS']);
  });
  it('limits: a mebibyte of statements', async () => {
    const sized = async (bytes: number) => said(await validate(Array.from({ length: 8 }, () => 'x'.repeat(bytes / 8))));
    expect(await sized(limits.MAX_CHAIN_BYTES)).toHaveLength(8);
    expect(await sized(limits.MAX_CHAIN_BYTES + 8)).toEqual([`too_large chain: ${limits.MAX_CHAIN_BYTES + 8} bytes, more than ${limits.MAX_CHAIN_BYTES}`]);
  });
});

describe('JO-11 JO-12 JO-13: chains in the header of other JWTs', () => {
  const check = (header: unknown, about: object = { trust_chain: LEAF, peer_trust_chain: LEAF }, options: object = {}) =>
    checkTrustChainHeaders(header as never, about as never, { anchors: federation.anchors, now: NOW, ...options } as never).map(
      ({ code, where, detail }) => `${code} ${where}: ${detail}`,
    );
  it('none, one, both', async () => {
    const chain = await federation.chain();
    expect([check({}), check({ trust_chain: chain }), check({ trust_chain: chain, peer_trust_chain: chain })]).toEqual([[], [], []]);
  });
  it('no object, no array, another subject, another anchor', async () => {
    const chain = await federation.chain();
    for (const header of [null, 5, []]) expect(check(header)).toEqual(['chain_malformed header: it is an object']);
    for (const odd of ['x', {}, null])
      expect(check({ peer_trust_chain: odd })).toEqual(['chain_malformed header/peer_trust_chain: it is an array of compact JWTs']);
    expect(check({ trust_chain: chain }, { trust_chain: TA })).toEqual([expect.stringMatching(/^subject_mismatch header\/trust_chain ES\[0\] sub: /)]);
    expect(check({ trust_chain: chain }, {}), 'nobody says about whom').toEqual([]);
    expect(
      check({ trust_chain: chain, peer_trust_chain: [chain[0], chain[1]] }, undefined, {
        anchors: { ...federation.anchors, [INTERMEDIATE]: federation.anchors[TA] },
      }),
    ).toEqual(['chain_malformed header/peer_trust_chain: the two chains end at different Trust Anchors']);
    expect(check({ trust_chain: [] })).toEqual(['chain_malformed header/trust_chain chain: a chain is a non-empty array of compact JWTs']);
    expect(check({ trust_chain: Array.from({ length: 12 }, () => 'x'), peer_trust_chain: Array.from({ length: 12 }, () => 'x') })).toHaveLength(24);
  });
});
