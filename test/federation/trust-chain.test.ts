import { beforeAll, describe, expect, it } from 'vitest';
import { checkTrustChainHeaders, createKeyCache, validateTrustChain } from '../../src/federation/entry.js';
import { type ChainParts, flipSignature, INTERMEDIATE, LEAF, NOW, TA, type TestFederation, testFederation } from '../support/chain.js';
import { testKey } from '../support/keys.js';

let federation: TestFederation;
beforeAll(async () => {
  federation = await testFederation();
});

const validate = async (parts: ChainParts = {}, more: object = {}) =>
  validateTrustChain(await federation.chain(parts), { anchors: federation.anchors, now: NOW, ...more });
/** Codes and places of the findings, or `valid`. */
async function verdict(parts: ChainParts, more: object = {}): Promise<string> {
  const result = await validate(parts, more);
  return result.ok ? 'valid' : result.findings.map(({ code, where }) => `${code} ${where}`.trim()).join('; ');
}

describe('a chain that holds', () => {
  it('TC-02 TC-11 TC-15: gives subject, anchor, resolved metadata and the smallest exp', async () => {
    const result = await validate({ claims: { 1: { exp: NOW + 300 }, 2: { exp: NOW + 500 }, 3: { exp: NOW + 400 } } });
    expect(result).toMatchObject({
      ok: true,
      value: { subject: LEAF, trustAnchor: TA, exp: NOW + 300, metadata: { openid_relying_party: { redirect_uris: ['https://leaf.example.com/cb'] } } },
    });
  });
  it('TC-02 TC-11: the Trust Anchor’s configuration may be left out; its statement then verifies with the pinned keys', async () => {
    const chain = (await federation.chain()).slice(0, 3);
    expect((await validateTrustChain(chain, { anchors: federation.anchors, now: NOW })).ok).toBe(true);
  });
  it('TC-03: the chain of the Trust Anchor itself is its configuration alone', async () => {
    const chain = (await federation.chain()).slice(3);
    expect(await validateTrustChain(chain, { anchors: federation.anchors, now: NOW })).toMatchObject({ ok: true, value: { subject: TA, trustAnchor: TA } });
  });
  it('TC-03: the Trust Anchor’s configuration twice is no chain', async () => {
    const anchor = (await federation.chain())[3] as string;
    expect(await validateTrustChain([anchor, anchor], { anchors: federation.anchors, now: NOW })).toMatchObject({
      ok: false,
      findings: [{ code: 'chain_malformed', where: 'ES[1]' }],
    });
  });
  it('TC-06: an anchor that has superiors still ends the chain', async () =>
    expect(await verdict({ claims: { 3: { authority_hints: ['https://above.example.org'] } } })).toBe('valid'));
  it('TC-13: a key cache changes nothing about the verdict', async () => {
    const keyCache = createKeyCache(2);
    expect(await verdict({}, { keyCache })).toBe('valid');
    expect(await verdict({}, { keyCache })).toBe('valid');
    const chain = await federation.chain();
    chain[1] = flipSignature(chain[1] as string);
    expect((await validateTrustChain(chain, { anchors: federation.anchors, now: NOW, keyCache })).ok).toBe(false);
  });
  it.each(['ES384', 'ES512', 'Ed25519', 'EdDSA', 'RS256', 'PS384'] as const)(
    'JO-03 JO-04: a statement signed with %s verifies beside ES256 ones',
    async (alg) => {
      const key = await testKey(alg);
      const jwks = { keys: [key.jwk] };
      expect(await verdict({ claims: { 1: {}, 2: { jwks } }, signers: { 1: key } })).toBe('valid');
    },
  );
});

describe('signatures', () => {
  it.each([[undefined], [{}], [{ keys: [] }], [{ keys: [{ kty: 'oct', kid: 'a', k: 'x' }] }]])(
    'anchors configured with %j are refused with the place',
    async (keys) => {
      expect(await verdict({}, { anchors: { [TA]: keys } })).toMatch(new RegExp(`^jw[a-z_]+ anchors/${TA}`));
    },
  );
  it('EV-05: a statement verifies with the keys of its issuer, not with those it carries', async () => {
    expect(await verdict({ signers: { 1: federation.keys.leaf } })).toContain('signature_key_unknown ES[1]');
  });
  it.each([0, 1, 2, 3])('TC-10 TC-08: one changed byte in the signature of ES[%i]', async (n) => {
    const chain = await federation.chain();
    chain[n] = flipSignature(chain[n] as string);
    expect(await validateTrustChain(chain, { anchors: federation.anchors, now: NOW })).toMatchObject({
      ok: false,
      findings: [{ code: 'signature_invalid', where: expect.stringContaining(`ES[${n}]`) }],
    });
  });
  it('TC-11 trap 2: an anchor that presents keys of its own is refused: only pinned keys count', async () => {
    const rogue = await testKey('ES256', federation.keys.ta.kid);
    const jwks = { keys: [rogue.jwk] };
    expect(await verdict({ claims: { 3: { jwks } }, signers: { 2: rogue, 3: rogue } })).toContain('signature_invalid ES[2]');
    expect(await verdict({ claims: { 3: { jwks } }, signers: { 2: rogue, 3: rogue } })).toContain('signature_invalid ES[3]');
  });
  it('TC-11 trap 2: the anchor’s statement verifies with pinned keys, not with others its configuration lists', async () => {
    const extra = await testKey();
    const jwks = { keys: [federation.keys.ta.jwk, extra.jwk] };
    expect(await verdict({ claims: { 3: { jwks } }, signers: { 2: extra } })).toBe('signature_key_unknown ES[2] header/kid');
    expect(await verdict({ claims: { 3: { jwks } }, signers: { 2: extra } }, { anchors: { [TA]: jwks } })).toBe('valid');
  });
  it('TC-10: a pinned key that the configuration no longer lists does not vouch', async () => {
    const old = await testKey();
    const anchors = { [TA]: { keys: [federation.keys.ta.jwk, old.jwk] } };
    expect(await verdict({ signers: { 2: old } }, { anchors })).toBe('signature_key_unknown ES[2] header/kid');
  });
  it('TC-01 TC-11: an anchor that is not configured is refused', async () =>
    expect(await verdict({}, { anchors: { [INTERMEDIATE]: { keys: [federation.keys.ta.jwk] } } })).toBe('trust_anchor_unknown ES[3] iss'));
  it('TC-08 TC-10 trap 3: ES[0] must verify with the keys in ES[1], not only with its own', async () => {
    const thief = await testKey();
    expect(await verdict({ claims: { 0: { jwks: { keys: [thief.jwk] } } }, signers: { 0: thief } })).toBe('signature_key_unknown ES[0] header/kid');
  });
  it('TC-08 trap 3: ES[0] must also verify with its own keys', async () => {
    const other = await testKey('ES256', federation.keys.leaf.kid);
    expect(await verdict({ claims: { 0: { jwks: { keys: [other.jwk] } } } })).toBe('signature_invalid ES[0] signature');
  });
  it('JO-05 trap 4: an unknown kid is refused though the key itself would verify', async () => {
    expect(await verdict({ headers: { 1: { kid: 'other' } } })).toBe('signature_key_unknown ES[1] header/kid');
    expect(await verdict({ headers: { 1: { kid: undefined } } })).toBe('kid_missing ES[1] header/kid');
    expect(await verdict({ headers: { 1: { kid: '' } } })).toBe('kid_missing ES[1] header/kid');
  });
  it('JO-05: a key whose alg differs from the header’s is not used', async () => {
    const rs = await testKey('RS256');
    expect(await verdict({ claims: { 2: { jwks: { keys: [{ ...rs.jwk, alg: 'PS256' }] } } }, signers: { 1: rs } })).toBe('alg_not_accepted ES[1] header/alg');
  });
  it('JO-05: an encryption key verifies nothing', async () => {
    expect(await verdict({ claims: { 2: { jwks: { keys: [{ ...federation.keys.intermediate.jwk, use: 'enc' }] } } } })).toContain('jwk_unsupported ES[2]');
    const { jwk } = federation.keys.intermediate;
    const beside = (await testKey()).jwk;
    for (const change of [{ use: 'enc' }, { key_ops: ['encrypt'] }, { key_ops: [] }, { alg: 'ES384' }])
      expect(await verdict({ claims: { 2: { jwks: { keys: [{ ...jwk, ...change }, beside] } } } })).toBe('signature_key_unknown ES[1] header/kid');
  });
});

describe('order and links', () => {
  it('TC-09: iss of each statement is sub of the next', async () =>
    expect(await verdict({ claims: { 1: { iss: 'https://else.example.org' }, 0: { authority_hints: ['https://else.example.org'] } } })).toBe(
      'chain_broken ES[1]',
    ));
  it('SS-03: the superior is among the subject’s authority_hints', async () =>
    expect(await verdict({ claims: { 0: { authority_hints: [TA] } } })).toBe('authority_hint_missing ES[0] authority_hints'));
  it('EV-03: the chain is about the subject asked for, byte for byte (EI-03, C6)', async () => {
    expect(await verdict({}, { subject: LEAF })).toBe('valid');
    expect(await verdict({}, { subject: `${LEAF}/` })).toBe('subject_mismatch ES[0] sub');
  });
  it('TC-05: no chain contains a loop', async () => {
    const [leaf, low, high, anchor] = await federation.chain();
    const looped = [leaf, low, high, high, anchor] as string[];
    expect(await validateTrustChain(looped, { anchors: federation.anchors, now: NOW })).toMatchObject({
      ok: false,
      findings: expect.arrayContaining([expect.objectContaining({ code: 'chain_loop' })]),
    });
  });
  it('TC-02: configurations of Intermediates are not part of a chain', async () => {
    expect(await verdict({ claims: { 2: { iss: INTERMEDIATE, sub: INTERMEDIATE } } })).toContain('chain_malformed ES[2]');
  });
  it('TC-02: a chain begins with the subject’s own configuration', async () => {
    const chain = (await federation.chain()).slice(1);
    expect(await validateTrustChain(chain, { anchors: federation.anchors, now: NOW })).toMatchObject({
      ok: false,
      findings: expect.arrayContaining([expect.objectContaining({ code: 'chain_malformed', where: 'ES[0]' })]),
    });
  });
  it.each([[[]], ['x'], [null]])('TC-02: %j is no chain', async (chain) => {
    expect(await validateTrustChain(chain as never, { anchors: federation.anchors, now: NOW })).toMatchObject({
      ok: false,
      findings: [{ code: 'chain_malformed' }],
    });
  });
});

describe('claims of every statement', () => {
  it.each([0, 1, 2, 3])('TC-07 EC-02 EV-04: ES[%i] expired', async (n) =>
    expect(await verdict({ claims: { [n]: { exp: NOW - 1 } } })).toBe(`expired ES[${n}] exp`),
  );
  it('TC-07 EV-04: at exp itself a statement is expired, a second before it is not', async () => {
    expect(await verdict({ claims: { 1: { exp: NOW } } })).toBe('expired ES[1] exp');
    expect(await verdict({ claims: { 1: { exp: NOW + 1 } } })).toBe('valid');
  });
  it('EV-04: 59 and 60 seconds of skew on iat pass, 61 do not', async () => {
    expect(await verdict({ claims: { 1: { iat: NOW + 59 } } })).toBe('valid');
    expect(await verdict({ claims: { 1: { iat: NOW + 60 } } })).toBe('valid');
    expect(await verdict({ claims: { 1: { iat: NOW + 61 } } })).toBe('not_yet_valid ES[1] iat');
    expect(await verdict({ claims: { 1: { nbf: NOW + 61 } } })).toBe('not_yet_valid ES[1] nbf');
  });
  it.each(['iss', 'sub', 'iat', 'exp'])('SS-01 EC-01 TC-07: %s is required', async (claim) =>
    expect(await verdict({ claims: { 2: { [claim]: undefined } } })).toContain(`claim_missing ES[2] ${claim}`),
  );
  it('SS-01 EC-03 EV-02: jwks is required', async () => {
    expect(await verdict({ claims: { 2: { jwks: undefined } } })).toContain('claim_missing ES[2] jwks');
    expect(await verdict({ claims: { 0: { jwks: undefined } } })).toContain('claim_missing ES[0] jwks');
  });
  it.each([
    ['a string', '1800000000'],
    ['1e300', 1e300],
    ['negative', -1],
    ['milliseconds', NOW * 1000],
  ])('EC-02: exp as %s is refused', async (_title, exp) => expect(await verdict({ claims: { 1: { exp } } })).toContain('claim_invalid ES[1] exp'));
  it('EC-02: NumericDates may have a fraction (RFC 7519 §2)', async () =>
    expect(await verdict({ claims: { 0: { iat: NOW - 5.25, exp: NOW + 99.5 }, 1: { iat: NOW - 0.5, exp: NOW + 0.25 }, 2: { nbf: NOW - 1.5 } } })).toBe(
      'valid',
    ));
  it.each(['metadata_policy', 'metadata_policy_crit', 'constraints', 'source_endpoint'])('SS-11: %s in an Entity Configuration is refused', async (claim) => {
    const value = { metadata_policy: { t: { p: { add: ['a'] } } }, metadata_policy_crit: ['x'], constraints: {}, source_endpoint: `${TA}/fetch` }[claim];
    expect(await verdict({ claims: { 0: { [claim]: value } } })).toBe(`claim_not_allowed ES[0] ${claim}`);
  });
  it.each(['authority_hints', 'trust_anchor_hints', 'trust_marks', 'trust_mark_issuers', 'trust_mark_owners'])(
    'SS-12: %s in a Subordinate Statement is refused',
    async (claim) => {
      const value = { authority_hints: [TA], trust_anchor_hints: [TA], trust_marks: [], trust_mark_issuers: {}, trust_mark_owners: {} }[claim];
      expect(await verdict({ claims: { 1: { [claim]: value } } })).toBe(`claim_not_allowed ES[1] ${claim}`);
    },
  );
  it.each(['aud', 'trust_anchor'])('EV-08 EV-09: %s has no place in a chain', async (claim) =>
    expect(await verdict({ claims: { 0: { [claim]: TA } } })).toBe(`claim_not_allowed ES[0] ${claim}`),
  );
  it('EV-06 MD-01: a metadata parameter is never null', async () =>
    expect(await verdict({ claims: { 0: { metadata: { openid_relying_party: { a: null } } } } })).toBe(
      'metadata_invalid ES[0] metadata/openid_relying_party/a',
    ));
  it('EC-04: the subject declares at least one Entity Type, {} is enough for it', async () => {
    expect(await verdict({ claims: { 0: { metadata: {} } } })).toBe('claim_missing ES[0] metadata');
    expect(await verdict({ claims: { 0: { metadata: undefined } } })).toBe('claim_missing ES[0] metadata');
    expect(await verdict({ claims: { 0: { metadata: { openid_relying_party: {} } } } })).toBe('valid');
  });
  it('MD-02: an unknown Entity Type is carried through unchanged', async () => {
    expect(await validate({ claims: { 0: { metadata: { made_up: { a: [1] } } } } })).toMatchObject({ ok: true, value: { metadata: { made_up: { a: [1] } } } });
  });
  it('EV-07: empty authority_hints, hints that are no identifiers, marks with another outer type', async () => {
    expect(await verdict({ claims: { 0: { authority_hints: [] } } })).toContain('claim_invalid ES[0] authority_hints');
    expect(await verdict({ claims: { 0: { authority_hints: [INTERMEDIATE, 'ta'] } } })).toBe('entity_id_invalid ES[0] authority_hints/1');
    expect(await verdict({ claims: { 0: { trust_anchor_hints: [] } } }), 'EC-07').toContain('claim_invalid ES[0] trust_anchor_hints');
    const mark = await federation.keys.ta.jwt({ trust_mark_type: 'https://a.example/one' }, { typ: 'trust-mark+jwt' });
    expect(await verdict({ claims: { 0: { trust_marks: [{ trust_mark_type: 'https://a.example/one', trust_mark: mark }] } } })).toBe('valid');
    expect(await verdict({ claims: { 0: { trust_marks: [{ trust_mark_type: 'https://a.example/two', trust_mark: mark }] } } }), 'EC-08').toBe(
      'claim_invalid ES[0] trust_marks/0',
    );
    expect(await verdict({ claims: { 0: { trust_marks: [{ trust_mark: mark }] } } }), 'EC-08').toContain('claim_invalid ES[0] trust_marks/0');
  });
  it('EV-07 EC-09 EC-10: issuers are arrays of identifiers, owners have sub and jwks', async () => {
    expect(await verdict({ claims: { 3: { trust_mark_issuers: { t: [] } } } })).toBe('valid');
    expect(await verdict({ claims: { 3: { trust_mark_issuers: { t: 'x' } } } })).toContain('claim_invalid ES[3] trust_mark_issuers');
    expect(await verdict({ claims: { 3: { trust_mark_issuers: { t: ['x'] } } } })).toContain('entity_id_invalid ES[3] trust_mark_issuers');
    expect(await verdict({ claims: { 3: { trust_mark_owners: { t: { sub: TA } } } } })).toContain('claim_invalid ES[3] trust_mark_owners/t');
  });
  it('EV-07 SS-10: source_endpoint is a URL', async () => {
    expect(await verdict({ claims: { 1: { source_endpoint: `${INTERMEDIATE}/fetch?x=1` } } })).toBe('valid');
    expect(await verdict({ claims: { 1: { source_endpoint: 'fetch' } } })).toBe('claim_invalid ES[1] source_endpoint');
  });
  it('EC-12: claims nobody knows are ignored', async () => expect(await verdict({ claims: { 1: { surprise: { deep: [1] } } } })).toBe('valid'));
});

describe('crit', () => {
  it('JO-08: an unknown critical claim makes the chain invalid, an understood one does not', async () => {
    const parts = { claims: { 1: { crit: ['special'], special: 1 } } };
    expect(await verdict(parts)).toBe('crit_not_understood ES[1] crit');
    expect(await verdict(parts, { understoodClaims: ['special'] })).toBe('valid');
  });
  it.each([
    ['empty', []],
    ['a standard claim', ['jwks']],
    ['twice', ['a', 'a']],
    ['absent from the statement', ['b']],
  ])('JO-09: crit that is %s is refused', async (_title, crit) => {
    expect(await verdict({ claims: { 1: { crit, a: 1 } } }, { understoodClaims: ['a', 'b', 'jwks'] })).toMatch(/^(crit_invalid|claim_invalid) ES\[1\] crit$/);
  });
  it('SS-09: metadata_policy_crit is a non-empty array without standard operators', async () => {
    expect(await verdict({ claims: { 2: { metadata_policy_crit: [] } } })).toBe('policy_crit_invalid ES[2] metadata_policy_crit');
    expect(await verdict({ claims: { 2: { metadata_policy_crit: ['add'] } } })).toBe('policy_crit_invalid ES[2] metadata_policy_crit');
    expect(await verdict({ claims: { 2: { metadata_policy_crit: ['regexp'] } } })).toContain('policy_crit_not_understood');
  });
});

describe('what the chain says beyond metadata', () => {
  const issuers = { 'https://marks.example/a': [TA] };
  it('EC-11: trust mark issuers and owners count in the Trust Anchor’s configuration only', async () => {
    expect(await validate({ claims: { 3: { trust_mark_issuers: issuers } } })).toMatchObject({ ok: true, value: { anchor: { trust_mark_issuers: issuers } } });
    expect(await validate({ claims: { 0: { trust_mark_issuers: issuers } } })).toMatchObject({ ok: true, value: { anchor: {} } });
  });
  it('MP-34: resolved metadata that a policy made illegal is not used', async () => {
    const metadata = { openid_provider: { issuer: LEAF } };
    const setting = (issuer: string) => ({ claims: { 0: { metadata }, 2: { metadata_policy: { openid_provider: { issuer: { value: issuer } } } } } });
    expect(await verdict(setting(LEAF))).toBe('valid');
    expect(await verdict(setting('https://else.example'))).toBe('metadata_invalid metadata/openid_provider/issuer');
  });
  it('JO-11 JO-12 JO-13: trust_chain and peer_trust_chain headers begin at the right entity and end at one configured anchor', async () => {
    const chain = await federation.chain();
    const options = { anchors: federation.anchors, now: NOW };
    const check = (header: object, more: object = {}) =>
      checkTrustChainHeaders(header as never, { trust_chain: LEAF, peer_trust_chain: TA }, { ...options, ...more }).map(({ code }) => code);
    expect(check({ trust_chain: chain })).toEqual([]);
    expect(check({ trust_chain: chain, peer_trust_chain: chain.slice(3) })).toEqual([]);
    expect(check({})).toEqual([]);
    expect(check({ trust_chain: 'x' })).toEqual(['chain_malformed']);
    expect(check({ trust_chain: ['x'] })).toEqual(['jws_malformed']);
    expect(check({ trust_chain: chain.slice(3) })).toContain('subject_mismatch');
    expect(check({ trust_chain: chain }, { anchors: {} })).toEqual(['trust_anchor_unknown']);
    const other = await testFederation();
    const elsewhere = await federation.chain({ claims: { 3: { iss: 'https://b.example', sub: 'https://b.example' } }, signers: { 3: other.keys.ta } });
    expect(
      checkTrustChainHeaders(
        { trust_chain: chain, peer_trust_chain: elsewhere.slice(3) },
        { trust_chain: LEAF, peer_trust_chain: 'https://b.example' },
        { ...options, anchors: { ...federation.anchors, 'https://b.example': { keys: [other.keys.ta.jwk] } } },
      ).map(({ code }) => code),
    ).toEqual(['chain_malformed']);
  });
});

describe('headers', () => {
  it.each([
    ['JWT', 'JWT'],
    ['another kind', 'trust-mark+jwt'],
    ['none', undefined],
    ['upper case', 'Entity-Statement+JWT'],
  ])('JO-02: typ %s is refused', async (_title, typ) => expect(await verdict({ headers: { 2: { typ } } })).toBe('typ_wrong ES[2] header/typ'));
  it.each(['trust_chain', 'peer_trust_chain'])('JO-10: the header %s is refused', async (name) =>
    expect(await verdict({ headers: { 1: { [name]: [] } } })).toBe(`header_not_allowed ES[1] header/${name}`),
  );
  it('JO-05: keys in the header or behind a URL in it are refused', async () => {
    expect(await verdict({ headers: { 1: { jwk: federation.keys.intermediate.jwk } } })).toBe('header_not_allowed ES[1] header/jwk');
    expect(await verdict({ headers: { 1: { jku: 'https://evil.example/jwks' } } })).toBe('header_not_allowed ES[1] header/jku');
  });
});

describe('constraints', () => {
  it('C1 CO-04 trap 13: max_path_length counts the intermediates between setter and subject', async () => {
    const limit = (n: number, max_path_length: unknown) => verdict({ claims: { [n]: { constraints: { max_path_length } } } });
    expect(await limit(2, 1)).toBe('valid');
    expect(await limit(2, 0)).toBe('path_too_long ES[2] constraints/max_path_length');
    expect(await limit(1, 0)).toBe('valid');
  });
  it.each([-1, 1.5, '1', null])('CO-03: max_path_length %j is malformed', async (max_path_length) =>
    expect(await verdict({ claims: { 2: { constraints: { max_path_length } } } })).toContain('constraint_malformed ES[2]'),
  );
  it('CO-01: every statement’s constraints count on their own', async () => {
    const parts = {
      claims: {
        1: { constraints: { naming_constraints: { permitted: ['.example.com'] } } },
        2: { constraints: { max_path_length: 0, naming_constraints: { excluded: ['leaf.example.com'] } } },
      },
    };
    expect(await verdict(parts)).toBe('path_too_long ES[2] constraints/max_path_length; name_excluded ES[2] constraints/naming_constraints/excluded');
  });
  it('CO-08: intermediates below the setter are matched too', async () => {
    expect(await verdict({ claims: { 2: { constraints: { naming_constraints: { permitted: ['.example.com'] } } } } })).toBe(
      'name_not_permitted ES[2] constraints/naming_constraints/permitted',
    );
    expect(await verdict({ claims: { 2: { constraints: { naming_constraints: { permitted: ['.example.com', 'intermediate.example.org'] } } } } })).toBe(
      'valid',
    );
  });
  it('CO-02: a constraint nobody knows is ignored', async () =>
    expect(await verdict({ claims: { 2: { constraints: { moon_phase: 'full' } } } })).toBe('valid'));
  it('C4 CO-10: [] leaves federation_entity alone', async () => {
    const metadata = { federation_entity: { organization_name: 'A' }, openid_provider: { issuer: LEAF } };
    const result = await validate({ claims: { 0: { metadata }, 1: { constraints: { allowed_entity_types: [] } } } });
    expect(result.ok && result.value.metadata).toEqual({ federation_entity: { organization_name: 'A' } });
  });
  it('CO-10: federation_entity listed by others changes nothing: it is allowed anyhow', async () => {
    const listed = (...types: string[]) => validate({ claims: { 1: { constraints: { allowed_entity_types: [...types, 'federation_entity'] } } } });
    expect(await listed()).toMatchObject({ ok: true, value: { metadata: {} } });
    const both = await listed('openid_relying_party');
    expect(both.ok && Object.keys(both.value.metadata)).toEqual(['openid_relying_party']);
  });
  it.each([[['openid_provider']], [[]]])('CO-09 C4: %j leaves a leaf without federation_entity nothing; the chain stays valid', async (allowed) => {
    const result = await validate({ claims: { 1: { constraints: { allowed_entity_types: allowed } } } });
    expect(result.ok && result.value.metadata).toEqual({});
    const policy = { metadata_policy: { openid_relying_party: { scope: { essential: true } } } };
    expect(await verdict({ claims: { 1: { constraints: { allowed_entity_types: allowed } }, 2: policy } }), 'policies meet what is left').toBe('valid');
  });
});

describe('policy in a chain', () => {
  it('MP-31 TC-12: a policy error anywhere makes the chain invalid', async () => {
    const policy = (operators: object) => ({ metadata_policy: { openid_relying_party: { scope: operators } } });
    expect(await verdict({ claims: { 2: policy({ essential: true }) } })).toContain('policy_violation');
    expect(await verdict({ claims: { 2: policy({ value: 'a' }), 1: policy({ value: 'b' }) } })).toContain('policy_merge');
    expect(await verdict({ claims: { 2: policy({}) } })).toContain('policy_malformed ES[2]');
    expect(await verdict({ claims: { 2: policy({ default: 'openid' }) } })).toBe('valid');
  });
  it('MP-32: only the metadata of the statement about the subject is applied', async () => {
    const metadata = { openid_relying_party: { client_name: 'from above' } };
    expect(await validate({ claims: { 2: { metadata } } })).toMatchObject({
      ok: true,
      value: { metadata: { openid_relying_party: { redirect_uris: expect.anything() } } },
    });
    expect(await validate({ claims: { 1: { metadata } } })).toMatchObject({
      ok: true,
      value: { metadata: { openid_relying_party: { client_name: 'from above' } } },
    });
  });
});
