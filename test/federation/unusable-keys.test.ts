import { base64url } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type JwkSet,
  keyFault,
  parseClientAssertion,
  parseJws,
  parseJwkSet,
  type PublicJwk,
  signEntityConfiguration,
  verifyJws,
} from '../../src/federation/entry.js';
import { LEAF, NOW, TA, testFederation } from '../support/chain.js';
import { type TestKey, testKey } from '../support/keys.js';
import { validateTrustChain } from '../../src/federation/entry.js';

let rsa: TestKey;
let ec: TestKey;
let ed: TestKey;
beforeAll(async () => {
  [rsa, ec, ed] = await Promise.all([testKey('RS256'), testKey('ES256'), testKey('Ed25519')]);
});
const bytes = (...of: number[]) => base64url.encode(new Uint8Array(of));
const filled = (n: number, last = 0xbb) => base64url.encode(new Uint8Array(n).fill(0xbb).fill(last, -1));
const little = (hex: string) => base64url.encode(Uint8Array.from(hex.match(/../g) ?? [], (one) => Number.parseInt(one, 16)));

/** RSA and Ed25519 keys that look like keys. */
const UNUSABLE: readonly (readonly [what: string, jwk: () => object])[] = [
  ...[bytes(0, 1), bytes(0, 0, 1), bytes(1), bytes(3), bytes(5), bytes(17), bytes(2), bytes(1, 0, 0), bytes(0xff, 0xff), bytes(0, 1, 0, 1), 'AQAC', ''].map(
    (e) => [`RSA with the exponent ${JSON.stringify(e)}`, () => ({ ...rsa.jwk, e })] as const,
  ),
  ['RSA with an exponent of nine bytes', () => ({ ...rsa.jwk, e: bytes(1, 0, 0, 0, 0, 0, 0, 0, 1) })],
  ['RSA with an even modulus', () => ({ ...rsa.jwk, n: filled(256, 0xba) })],
  ['RSA whose modulus begins with a zero octet', () => ({ ...rsa.jwk, n: base64url.encode(Uint8Array.from([0, ...base64url.decode(rsa.jwk.n ?? '')])) })],
  ['RSA of 1024 bits', () => ({ ...rsa.jwk, n: filled(128) })],
  ['RSA of 8192 bits', () => ({ ...rsa.jwk, n: filled(1024) })],
  ['RSA with padding in its modulus', () => ({ ...rsa.jwk, n: `${rsa.jwk.n}=` })],
  ['P-256 with x of 31 bytes', () => ({ ...ec.jwk, x: filled(31) })],
  ['P-256 with y of 33 bytes', () => ({ ...ec.jwk, y: filled(33) })],
  ['P-256 whose x has a second spelling', () => ({ ...ec.jwk, x: `${(ec.jwk.x ?? '').slice(0, -1)}${(ec.jwk.x ?? '').at(-1) === 'B' ? 'C' : 'B'}` })],
  ['P-256 with a point off the curve', () => ({ ...ec.jwk, x: filled(32), y: filled(32) })],
  ['P-256 with the coordinates of its point exchanged', () => ({ ...ec.jwk, x: ec.jwk.y, y: ec.jwk.x })],
  ['P-256 with the point (0, 0)', () => ({ ...ec.jwk, x: bytes(...new Array(32).fill(0)), y: bytes(...new Array(32).fill(0)) })],
  ['P-521 with a point off the curve', () => ({ kty: 'EC', crv: 'P-521', kid: 'k', x: filled(66), y: filled(66) })],
  ['Ed25519 with 31 bytes', () => ({ ...ed.jwk, x: filled(31) })],
  ...[
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    `01${'00'.repeat(30)}80`,
    `ec${'ff'.repeat(30)}7f`,
    `ed${'ff'.repeat(30)}7f`,
    `ee${'ff'.repeat(30)}ff`,
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  ].map((hex) => [`Ed25519 with the point ${hex.slice(0, 4)}…${hex.slice(-2)}`, () => ({ ...ed.jwk, x: little(hex) })] as const),
  ['use that is not a string', () => ({ ...ec.jwk, use: ['sig'] })],
  ['key_ops for encryption', () => ({ ...ec.jwk, key_ops: ['encrypt', 'wrapKey'] })],
  ['key_ops that is no array', () => ({ ...ec.jwk, key_ops: 'verify' })],
  ['an alg of another type', () => ({ ...ec.jwk, alg: 'RS256' })],
  ['post-quantum', () => ({ kty: 'AKP', kid: 'pq', alg: 'ML-DSA-44', pub: 'abc' })],
  ['no kid', () => ({ ...ec.jwk, kid: undefined })],
  ['a kid that is a number', () => ({ ...ec.jwk, kid: 5 })],
  ['an empty private member', () => ({ ...ec.jwk, d: null })],
];

describe('RFC 7517 §5: a key that cannot be used is ignored, and nothing is ever verified with it', () => {
  it.each(UNUSABLE)('%s', async (_what, make) => {
    const key = JSON.parse(JSON.stringify(make())) as PublicJwk;
    const other = (await testKey()).jwk;
    expect(keyFault(key, 'k')).toMatchObject({ where: 'k', detail: expect.stringMatching(/./), fix: expect.stringMatching(/./) });
    expect(parseJwkSet({ keys: [key] }, 'jwks', { strict: false }).ok, 'alone').toBe(false);
    expect(parseJwkSet({ keys: [key, other] }, 'jwks', { strict: false }).ok, 'beside a good one').toBe(true);
    expect(parseJwkSet({ keys: [key, other] }).ok, 'bound by us').toBe(false);
    for (const [alg, signer] of [
      ['RS256', rsa],
      ['ES256', ec],
      ['Ed25519', ed],
    ] as const) {
      const jws = parseJws(await signer.jwt({ iss: LEAF }, { kid: String(key.kid ?? 'x'), alg }), 'entity-statement+jwt');
      if (!jws.ok) throw new Error('not parsed');
      const verified = await verifyJws(jws.value, { keys: [key, other] });
      expect(verified.ok ? 'verified' : verified.findings[0]?.code).toBe('signature_key_unknown');
    }
  });
  it('an exponent of one verifies what anybody makes; it is refused however it is written', async () => {
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array()));
    expect(digest).toHaveLength(32);
    const header = base64url.encode(JSON.stringify({ alg: 'RS256', kid: rsa.kid, typ: 'x' }));
    const input = `${header}.${base64url.encode(JSON.stringify({ iss: 'forged' }))}`;
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(input)));
    const info = Uint8Array.from('3031300d060960864801650304020105000420'.match(/../g) ?? [], (one) => Number.parseInt(one, 16));
    const padded = Uint8Array.from([0, 1, ...new Array(256 - 3 - info.length - 32).fill(0xff), 0, ...info, ...hash]);
    const jws = parseJws(`${input}.${base64url.encode(padded)}`, 'x');
    if (!jws.ok) throw new Error('not parsed');
    for (const e of ['AQ', 'AAE', 'AAAB', 'AAAAAQ']) expect((await verifyJws(jws.value, { keys: [{ ...rsa.jwk, e }] })).ok).toBe(false);
  });
  it('an Ed25519 key of small order verifies what anybody makes; it is refused', async () => {
    const input = `${base64url.encode(JSON.stringify({ alg: 'Ed25519', kid: 'k', typ: 'x' }))}.${base64url.encode('{"iss":"forged"}')}`;
    const identity = new Uint8Array(64).fill(1, 0, 1);
    const jws = parseJws(`${input}.${base64url.encode(identity)}`, 'x');
    if (!jws.ok) throw new Error('not parsed');
    expect((await verifyJws(jws.value, { keys: [{ kty: 'OKP', crv: 'Ed25519', kid: 'k', x: little(`01${'00'.repeat(31)}`) }] })).ok).toBe(false);
  });
  it('an entity with such keys beside the good one keeps its place in every chain', async () => {
    const federation = await testFederation();
    for (const [what, make] of UNUSABLE) {
      const odd = JSON.parse(
        JSON.stringify({ ...make(), ...('kid' in make() && typeof (make() as PublicJwk).kid === 'string' && { kid: 'odd' }) }),
      ) as PublicJwk;
      const keys = (key: TestKey): JwkSet => ({ keys: [odd, key.jwk] });
      const { leaf, intermediate, ta } = federation.keys;
      const chain = await federation.chain({
        claims: { 0: { jwks: keys(leaf) }, 1: { jwks: keys(leaf) }, 2: { jwks: keys(intermediate) }, 3: { jwks: keys(ta) } },
      });
      const result = await validateTrustChain(chain, { anchors: federation.anchors, now: NOW });
      expect(result.ok ? 'valid' : JSON.stringify(result.findings), what).toBe('valid');
    }
  });
  it('JO-05: every set that must vouch for a statement has its say on what the key is for', async () => {
    const federation = await testFederation();
    const { leaf, ta } = federation.keys;
    const other = (await testKey()).jwk;
    const verdict = async (own: object, above: object) => {
      const chain = await federation.chain({
        claims: { 0: { jwks: { keys: [{ ...leaf.jwk, ...own }, other] } }, 1: { jwks: { keys: [{ ...leaf.jwk, ...above }, other] } } },
      });
      const result = await validateTrustChain(chain, { anchors: federation.anchors, now: NOW });
      return result.ok ? 'valid' : result.findings.map(({ code, where }) => `${code} ${where}`).join('; ');
    };
    expect(await verdict({}, {})).toBe('valid');
    expect(await verdict({ use: 'sig' }, { key_ops: ['verify'] })).toBe('valid');
    for (const odd of [{ use: 'enc' }, { key_ops: ['encrypt'] }, { alg: 'ES384' }]) {
      expect(await verdict(odd, {}), JSON.stringify(odd)).toBe('signature_key_unknown ES[0] header/kid');
      expect(await verdict({}, odd), JSON.stringify(odd)).toBe('signature_key_unknown ES[0] header/kid');
    }
    const enc = { keys: [{ ...ta.jwk, use: 'enc' }, other] };
    const chain = await federation.chain({ claims: { 3: { jwks: enc } } });
    expect((await validateTrustChain(chain, { anchors: federation.anchors, now: NOW })).ok, 'the anchor’s own configuration').toBe(false);
    expect((await validateTrustChain(await federation.chain(), { anchors: { [TA]: enc }, now: NOW })).ok, 'the pinned keys').toBe(false);
  });
  it('EdDSA and Ed25519 are one algorithm, whichever the key and the header say (RFC 9864)', async () => {
    for (const own of ['EdDSA', 'Ed25519', undefined])
      for (const alg of ['EdDSA', 'Ed25519']) {
        const { alg: _, ...bare } = ed.jwk;
        const jws = parseJws(await ed.jwt({ iss: LEAF }, { alg }), 'entity-statement+jwt');
        expect(jws.ok && (await verifyJws(jws.value, { keys: [{ ...bare, ...(own && { alg: own }) } as PublicJwk] })).ok).toBe(true);
      }
  });
  it('a signature has one spelling', async () => {
    const compact = await ec.jwt({ iss: LEAF });
    const twin = `${compact.slice(0, -1)}${compact.endsWith('A') ? 'B' : String.fromCharCode(compact.charCodeAt(compact.length - 1) + 1)}`;
    expect(parseJws(compact, 'entity-statement+jwt').ok).toBe(true);
    expect(parseJws(twin, 'entity-statement+jwt').ok).toBe(false);
  });
  it('none of them is ever signed into a statement of ours', async () => {
    for (const [what, make] of UNUSABLE) {
      const odd = JSON.parse(JSON.stringify(make())) as object;
      const input = {
        sub: TA,
        iat: NOW,
        exp: NOW + 3600,
        jwks: { keys: [ec.jwk, { ...odd, ...('kid' in odd && typeof odd.kid === 'string' && { kid: 'odd' }) }] },
        metadata: { federation_entity: {} },
      };
      expect((await signEntityConfiguration(input as never, { signer: ec })).ok, what).toBe(false);
    }
  });
});

describe('CA-02: client assertions as the common client libraries send them', () => {
  const assertion = { iss: LEAF, sub: LEAF, aud: TA, jti: 'one', iat: NOW - 0.5, exp: NOW + 60.25 };
  const read = async (header: object) => parseClientAssertion(await ec.jwt(assertion, header), { audience: TA, now: NOW });
  it.each([undefined, 'JWT', 'jwt', 'client-authentication+jwt'])('typ %s is accepted', async (typ) => expect((await read({ typ })).ok).toBe(true));
  it.each(['entity-statement+jwt', 'trust-mark+jwt', 'at+jwt', 'resolve-response+jwt', '', 5])('typ %s belongs to another kind of JWT', async (typ) =>
    expect(await read({ typ })).toMatchObject({ ok: false, findings: [{ code: 'typ_wrong' }] }),
  );
  it('without kid: the one key that fits; none or several do not', async () => {
    const parsed = await read({ typ: undefined, kid: undefined });
    if (!parsed.ok) throw new Error('not parsed');
    const code = async (...keys: PublicJwk[]) => {
      const result = await verifyJws(parsed.value, { keys });
      return result.ok ? result.value.kid : result.findings[0]?.code;
    };
    expect(await code(ec.jwk, rsa.jwk, ed.jwk)).toBe(ec.kid);
    expect(await code(ec.jwk, { ...ec.jwk, kid: 'enc', use: 'enc' })).toBe(ec.kid);
    expect(await code(rsa.jwk)).toBe('signature_key_unknown');
    expect(await code(ec.jwk, (await testKey()).jwk)).toBe('signature_key_unknown');
    expect(await code((await testKey()).jwk)).toBe('signature_invalid');
  });
  it('an Entity Statement needs both', async () => {
    for (const header of [{ typ: undefined }, { kid: undefined }]) expect(parseJws(await ec.jwt(assertion, header), 'entity-statement+jwt').ok).toBe(false);
  });
});
