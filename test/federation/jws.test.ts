import { base64url } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { limits, mediaTypes, parseJws, verifyJws } from '../../src/federation/entry.js';
import { type TestKey, testKey } from '../support/keys.js';

let key: TestKey;
beforeAll(async () => {
  key = await testKey();
});
const TYP = 'entity-statement+jwt';
/** A JWS of any bytes; its signature does not matter to the parser. */
const raw = (header: string, payload: string) => `${base64url.encode(header)}.${base64url.encode(payload)}.AAAA`;
const code = (compact: unknown) => {
  const result = parseJws(compact, TYP);
  return result.ok ? 'ok' : result.findings[0]?.code;
};
const withHeader = (header: object, payload = '{}') => raw(JSON.stringify({ typ: TYP, alg: 'ES256', kid: 'a', ...header }), payload);

describe('JO-01: compact serialization only', () => {
  it.each([[undefined], [5], [''], ['a.b'], ['a.b.c.d'], ['a..c'], [' a.b.c'], ['{"payload":"","signatures":[]}'], ['a.b.c=']])('%j', (compact) =>
    expect(code(compact)).toBe('jws_malformed'),
  );
});

describe('JO-03: accepted algorithms', () => {
  it.each(['none', 'None', 'HS256', 'HS512', 'ES256K', 'RS1', '', undefined, 5])('%s is refused', (alg) =>
    expect(code(withHeader({ alg }))).toBe('alg_not_accepted'),
  );
  it('a public key used as an HMAC secret is refused before any key is looked at', () =>
    expect(code(withHeader({ alg: 'HS256', kid: key.kid }))).toBe('alg_not_accepted'));
  it.each(['crit', 'b64', 'zip', 'jwk', 'jku', 'x5u'])('the header %s is refused', (name) =>
    expect(code(withHeader({ [name]: ['x'] }))).toBe('header_not_allowed'),
  );
});

describe('JO-15: each kind of JWT has its typ', () => {
  const kinds = [mediaTypes.RESOLVE_RESPONSE, mediaTypes.TRUST_MARK_STATUS_RESPONSE, mediaTypes.ENTITY_STATEMENT].map(mediaTypes.typOf);
  it.each(kinds)('%s is taken for nothing else, and needs a kid', (typ) => {
    for (const other of [...kinds, 'JWT', undefined]) expect(parseJws(withHeader({ typ: other }), typ).ok).toBe(other === typ);
    expect(parseJws(withHeader({ typ, kid: undefined }), typ)).toMatchObject({ ok: false, findings: [{ code: 'kid_missing' }] });
  });
});

describe('the JSON inside', () => {
  it.each([
    ['duplicate claim MP-01', '{"sub":"a","sub":"b"}', 'json_duplicate_member'],
    ['duplicate through an escape EI-02', '{"sub":"a","s\\u0075b":"b"}', 'json_duplicate_member'],
    ['duplicate deep inside a policy MP-01', '{"metadata_policy":{"t":{"p":{"add":["a"],"add":["b"]}}}}', 'json_duplicate_member'],
    ['__proto__', '{"metadata":{"__proto__":{"a":1}}}', 'json_forbidden_member'],
    ['half a surrogate pair', '{"a":"\\ud800"}', 'json_invalid'],
    ['no JSON', '{"a":}', 'json_invalid'],
    ['an array', '[]', 'json_invalid'],
    ['a BOM', '\ufeff{}', 'json_invalid'],
    ['50 000 levels', `${'['.repeat(50_000)}${']'.repeat(50_000)}`, 'json_too_deep'],
  ])('%s: refused', (_title, payload, expected) => expect(code(withHeader({}, payload))).toBe(expected));
  it('invalid UTF-8 is refused', () =>
    expect(
      code(
        `${base64url.encode(JSON.stringify({ typ: TYP, alg: 'ES256', kid: 'a' }))}.${base64url.encode(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]))}.AAAA`,
      ),
    ).toBe('jws_malformed'));
  it('the same name in sibling objects, and as a value, is no duplicate', () =>
    expect(code(withHeader({}, '{"a":{"x":1},"b":{"x":"x"},"c":["x","x",{"x":"\\\\"}]}'))).toBe('ok'));
  it('limits: depth 31 and 32 pass, 33 does not', () => {
    const deep = (levels: number) => code(withHeader({}, `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`));
    expect([limits.MAX_JSON_DEPTH - 1, limits.MAX_JSON_DEPTH, limits.MAX_JSON_DEPTH + 1].map(deep)).toEqual(['ok', 'ok', 'json_too_deep']);
  });
  it('limits: 256 KiB less one and 256 KiB pass, one byte more does not, nor 20 MiB', () => {
    const of = (bytes: number) => {
      const bare = withHeader({}, '{}');
      const [head = '', , tail = ''] = bare.split('.');
      const room = Math.floor(((bytes - head.length - tail.length - 2) * 3) / 4) - 8;
      const payloads = [room, room - 1].map((n) => base64url.encode(`{"a":"${'x'.repeat(n)}"}`));
      // Base64url has no length with a rest of one character.
      const payload = payloads.find(({ length }) => (bytes - head.length - length - 2) % 4 !== 1) ?? '';
      return code(`${head}.${payload}.${tail.padEnd(bytes - head.length - payload.length - 2, 'A')}`);
    };
    expect([limits.MAX_STATEMENT_BYTES - 1, limits.MAX_STATEMENT_BYTES, limits.MAX_STATEMENT_BYTES + 1, 20 * 1024 * 1024].map(of)).toEqual([
      'ok',
      'ok',
      'too_large',
      'too_large',
    ]);
  });
  it('limits: a kid of 256 characters passes, 257 does not', () =>
    expect([255, 256, 257].map((n) => code(withHeader({ kid: 'k'.repeat(n) })))).toEqual(['ok', 'ok', 'too_large']));
});

describe('§18.1: values that are short in a text and large in memory are bounded', () => {
  const code = (claims: object) => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const parsed = parseJws(`${part({ alg: 'ES256', kid: 'k', typ: 'x' })}.${part(claims)}.AAAA`, 'x');
    return parsed.ok ? 'ok' : parsed.findings[0]?.code;
  };
  it.each<[string, (n: number) => object]>([
    ['elements', (n) => ({ a: Array.from({ length: n - 2 }, () => 0) })],
    ['members', (n) => Object.fromEntries(Array.from({ length: n - 1 }, (_, k) => [`m${k}`, 0]))],
    ['nested arrays', (n) => ({ a: Array.from({ length: (n - 2) / 2 }, () => [0]) })],
  ])('%s: as many as the limit, and no more', (_what, of) =>
    expect([limits.MAX_JSON_VALUES - 2, limits.MAX_JSON_VALUES, limits.MAX_JSON_VALUES + 2].map((n) => code(of(n)))).toEqual(['ok', 'ok', 'too_many']),
  );
});

describe('JO-05: one key, found by kid', () => {
  it('verifies, and gives the key that did', async () => {
    const jws = parseJws(await key.jwt({ a: 1 }), TYP);
    expect(jws.ok && (await verifyJws(jws.value, { keys: [key.jwk] }))).toEqual({ ok: true, value: key.jwk });
  });
  it('two keys of one kid verify nothing, in whatever order', async () => {
    const twin = await testKey('ES256', key.kid);
    const jws = parseJws(await key.jwt({ a: 1 }), TYP);
    for (const keys of [
      [key.jwk, twin.jwk],
      [twin.jwk, key.jwk],
    ]) {
      expect(jws.ok && (await verifyJws(jws.value, { keys }))).toMatchObject({ ok: false, findings: [{ code: 'signature_key_unknown' }] });
    }
  });
  it('a stranger’s key_ops or ext do not get in the way of verifying', async () => {
    const jws = parseJws(await key.jwt({ a: 1 }), TYP);
    expect(jws.ok && (await verifyJws(jws.value, { keys: [{ ...key.jwk, key_ops: ['verify'], ext: false }] })).ok).toBe(true);
  });
});
