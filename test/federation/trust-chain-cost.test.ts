import { beforeAll, describe, expect, it } from 'vitest';
import { checkTrustChainHeaders, createKeyCache, limits, validateTrustChain } from '../../src/federation/entry.js';
import { type ChainParts, flipSignature, INTERMEDIATE, LEAF, NOW, TA, type TestFederation, testFederation } from '../support/chain.js';
import { testKey } from '../support/keys.js';

let federation: TestFederation;
beforeAll(async () => {
  federation = await testFederation();
});

/** What became of a chain, and how many signatures were begun: for each a key is looked up. */
async function judged(chain: readonly string[], anchors: unknown = federation.anchors): Promise<readonly [string, number]> {
  const cache = createKeyCache();
  let begun = 0;
  const keyCache = {
    ...cache,
    get: (id: string) => {
      begun++;
      return cache.get(id);
    },
  };
  const result = await validateTrustChain(chain, { anchors: anchors as never, now: NOW, keyCache });
  return [result.ok ? 'valid' : result.findings.map(({ code, where }) => `${code} ${where}`.trim()).join('; '), begun];
}
const of = async (parts: ChainParts, anchors?: unknown) => judged(await federation.chain(parts), anchors);

describe('§18.1: signatures are begun from the top, each once, and none below a fault', () => {
  it('sets that hold the same key vouch together; another key under its name is another signature', async () => {
    const { ta, intermediate, leaf } = federation.keys;
    expect(await of({})).toEqual(['valid', 4]);
    expect(await judged((await federation.chain()).slice(0, 3))).toEqual(['valid', 3]);
    expect(await judged((await federation.chain()).slice(3))).toEqual(['valid', 1]);
    const set = (...keys: object[]) => ({ jwks: { keys } });
    const beside = (await testKey()).jwk;
    const more = { 0: set(leaf.jwk, beside), 1: set(beside, leaf.jwk), 2: set(beside, intermediate.jwk), 3: set(beside, ta.jwk) };
    expect(await of({ claims: more })).toEqual(['valid', 4]);
    const renamed = (await testKey('ES256', leaf.kid)).jwk;
    expect(await of({ claims: { 0: set(renamed) } })).toEqual(['signature_invalid ES[0] signature', 5]);
    expect(await of({ claims: { 0: set(beside) } })).toEqual(['signature_key_unknown ES[0] header/kid', 4]);
  });
  it('a key is imported once for a chain without a cache of the caller', async () => {
    expect(await validateTrustChain(await federation.chain(), { anchors: federation.anchors, now: NOW })).toMatchObject({ ok: true });
  });
  it.each<[string, ChainParts, string, number]>([
    ['the top is expired', { claims: { 3: { exp: NOW } } }, 'expired ES[3] exp', 0],
    ['the second is expired', { claims: { 2: { exp: NOW } } }, 'expired ES[2] exp', 1],
    ['the third is expired', { claims: { 1: { exp: NOW } } }, 'expired ES[1] exp', 2],
    ['the subject is expired', { claims: { 0: { exp: NOW } } }, 'expired ES[0] exp', 3],
    ['two are expired', { claims: { 0: { exp: NOW }, 2: { exp: NOW } } }, 'expired ES[0] exp; expired ES[2] exp', 1],
    [
      'the third is issued by somebody else',
      { claims: { 0: { authority_hints: ['https://else.example'] }, 1: { iss: 'https://else.example' } } },
      'chain_broken ES[1]',
      2,
    ],
    ['the second is issued by somebody else', { claims: { 2: { iss: 'https://else.example' } } }, 'chain_broken ES[2]', 1],
  ])('%s', async (_what, parts, verdict, begun) => expect(await of(parts)).toEqual([verdict, begun]));
  it('without an anchor, or with keys of one that nobody can use, nothing is begun', async () => {
    expect(await of({}, {})).toEqual(['trust_anchor_unknown ES[3] iss', 0]);
    expect(await of({}, 'x')).toEqual(['trust_anchor_unknown ES[3] iss', 0]);
    expect(await of({}, { [TA]: { keys: [] } })).toEqual([`jwks_invalid anchors/${TA}`, 0]);
    const bare = (await federation.chain()).slice(0, 3);
    expect(await judged(bare, {})).toEqual(['trust_anchor_unknown ES[2] iss', 0]);
    expect(await judged(bare, { [TA]: { keys: [] } })).toEqual([`jwks_invalid anchors/${TA}`, 0]);
  });
  it('of the anchor’s pinned keys those that cannot be used are passed over', async () =>
    expect(await of({}, { [TA]: { keys: [{ kty: 'AKP', kid: 'pq' }, federation.keys.ta.jwk] } })).toEqual(['valid', 4]));
  it('what is no chain costs nothing', async () => {
    const [leaf = ''] = await federation.chain();
    for (const chain of [[], 'x', undefined]) expect(await judged(chain as never)).toEqual(['chain_malformed chain', 0]);
    expect(await judged(Array.from({ length: 13 }, () => leaf))).toEqual(['too_many chain', 0]);
    const sized = (bytes: number) => judged([leaf, 'x'.repeat(bytes - leaf.length)]);
    expect(await Promise.all([limits.MAX_CHAIN_BYTES, limits.MAX_CHAIN_BYTES + 1].map(sized))).toEqual([
      ['too_large ES[1]', 0],
      ['too_large chain', 0],
    ]);
    expect(await judged([leaf, 5, null] as never)).toEqual(['jws_malformed ES[1]; jws_malformed ES[2]', 0]);
  });
});

describe('what a chain gives', () => {
  it('its statements, the subject’s first, and what the anchor says of marks where its configuration is part of it', async () => {
    const marks = { trust_mark_issuers: { x: [TA] }, trust_mark_owners: { y: { sub: TA, jwks: { keys: [federation.keys.ta.jwk] } } } };
    const read = async (claims: object, length = 4) => {
      const chain = (await federation.chain({ claims: { 3: claims as never } })).slice(0, length);
      const result = await validateTrustChain(chain, { anchors: federation.anchors, now: NOW });
      expect(result.ok && result.value.statements.map(({ compact }) => compact)).toEqual(chain);
      return result.ok && result.value.anchor;
    };
    expect(await read(marks)).toStrictEqual(marks);
    for (const name of ['trust_mark_issuers', 'trust_mark_owners'] as const) expect(await read({ [name]: marks[name] })).toStrictEqual({ [name]: marks[name] });
    expect(await read({})).toStrictEqual({});
    expect(await read(marks, 3)).toStrictEqual({});
  });
});

describe('TC-05: an entity stands once in a chain', () => {
  it('an Intermediate that comes round again is a loop, though every link fits and every signature holds', async () => {
    const { intermediate, leaf } = federation.keys;
    const [first = '', low = '', high = '', anchor = ''] = await federation.chain();
    const between = await testKey();
    const state = (key: typeof leaf, iss: string, sub: string, about: typeof leaf) =>
      key.jwt({ iss, sub, iat: NOW, exp: NOW + 10, jwks: { keys: [about.jwk] } });
    const round = [await state(between, `${TA}/j`, INTERMEDIATE, intermediate), await state(intermediate, INTERMEDIATE, `${TA}/j`, between)];
    expect(await judged([first, low, ...round, high, anchor])).toEqual(['chain_loop chain', 6]);
  });
});

describe('§4.3 §4.4: chains in a header', () => {
  const headers = (header: unknown, about: unknown = { trust_chain: LEAF, peer_trust_chain: LEAF }, anchors: unknown = federation.anchors) =>
    checkTrustChainHeaders(header as never, about as never, { anchors: anchors as never, now: NOW }).map(({ code, where }) => `${code} ${where}`.trim());
  it('each is named by its header', async () => {
    const chain = await federation.chain();
    expect(headers({})).toEqual([]);
    expect(headers({ trust_chain: chain, peer_trust_chain: chain })).toEqual([]);
    for (const header of [undefined, null, 5, []]) expect(headers(header)).toEqual(['chain_malformed header']);
    for (const name of ['trust_chain', 'peer_trust_chain']) {
      for (const value of [null, 'x', {}]) expect(headers({ [name]: value })).toEqual([`chain_malformed header/${name}`]);
      expect(headers({ [name]: [] })).toEqual([`chain_malformed header/${name} chain`]);
      expect(headers({ [name]: chain }, { [name]: TA })).toEqual([`subject_mismatch header/${name} ES[0] sub`]);
      expect(headers({ [name]: chain }, {})).toEqual([]);
      expect(headers({ [name]: chain }, null)).toEqual([]);
      expect(headers({ [name]: chain }, undefined, {})).toEqual([`trust_anchor_unknown header/${name} ES[3] iss`]);
      expect(headers({ [name]: [...chain.slice(0, 2), ...chain.slice(3)] })).toEqual([`chain_broken header/${name} ES[1]`]);
    }
    expect(headers({ trust_chain: 5, peer_trust_chain: [] })).toEqual(['chain_malformed header/trust_chain', 'chain_malformed header/peer_trust_chain chain']);
  });
  it('both end at one anchor', async () => {
    const other = await testFederation();
    const chain = await federation.chain();
    const elsewhere = (await other.chain({ claims: { 2: { iss: `${TA}/2` }, 3: { iss: `${TA}/2`, sub: `${TA}/2` } } })) as string[];
    const anchors = { ...federation.anchors, [`${TA}/2`]: other.anchors[TA] };
    expect(headers({ trust_chain: chain, peer_trust_chain: elsewhere }, undefined, anchors)).toEqual(['chain_malformed header/peer_trust_chain']);
    expect(headers({ peer_trust_chain: elsewhere }, undefined, anchors)).toEqual([]);
  });
  it('signatures are for whoever validates the chain; of many faults 50 are told', async () => {
    const chain = await federation.chain();
    expect(headers({ trust_chain: chain.map(flipSignature) })).toEqual([]);
    const faulty = await federation.keys.leaf.jwt({ iss: LEAF, sub: LEAF, iat: NOW, exp: NOW + 1, jwks: { keys: Array.from({ length: 40 }, () => ({})) } });
    expect(headers({ trust_chain: [faulty], peer_trust_chain: [faulty] })).toHaveLength(limits.MAX_FINDINGS);
  });
});
