import { base64url } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { createKeyCache, type JwkSet, parseJws, type ParsedJws, rememberingSignatures, signJws, verifyJws } from '../../src/federation/entry.js';
import { checkTimes } from '../../src/federation/jws.js';
import { flipSignature, NOW } from '../support/chain.js';
import { type TestKey, testKey } from '../support/keys.js';

let key: TestKey;
beforeAll(async () => {
  key = await testKey();
});
const said = (result: { readonly ok: boolean; readonly findings?: readonly { code: string; where: string; detail: string }[] }) =>
  result.ok ? 'ok' : (result.findings ?? []).map(({ code, where, detail }) => `${code} ${where}: ${detail}`).join('; ');
const raw = (header: unknown, payload = '{}') => `${base64url.encode(JSON.stringify(header))}.${base64url.encode(payload)}.AAAA`;
const sound = { typ: 'a+jwt', alg: 'ES256', kid: 'k' };
const head = (change: object, ...more: unknown[]) => said(parseJws(raw({ ...sound, ...change }), ...([...(more.length ? more : ['a+jwt'])] as ['a+jwt'])));
const read = (compact: string): ParsedJws => {
  const result = parseJws(compact, 'entity-statement+jwt');
  if (!result.ok) throw new Error('not parsed');
  return result.value;
};

describe('what is said of a header', () => {
  it('its typ is one of those accepted', () => {
    expect(head({})).toBe('ok');
    expect(head({ typ: 'b+jwt' })).toBe('typ_wrong header/typ: it is "b+jwt", not a+jwt');
    expect(head({ typ: 'b+jwt' }, ['a+jwt', 'b+jwt'])).toBe('ok');
    expect(head({ typ: undefined }, ['a+jwt', 'b+jwt'])).toBe('typ_wrong header/typ: it is "", not a+jwt or b+jwt');
    expect(head({ typ: 'A+JWT' })).toBe('typ_wrong header/typ: it is "A+JWT", not a+jwt');
    for (const typ of [5, null, ['a+jwt']]) expect(head({ typ })).toContain('typ_wrong');
  });
  it('its alg is accepted, its kid is a text of 1 to 256 characters', () => {
    expect(head({ alg: 'HS256' })).toBe('alg_not_accepted header/alg: "HS256" is not accepted');
    expect(head({ alg: undefined })).toBe('alg_not_accepted header/alg: "" is not accepted');
    for (const kid of [undefined, '', 5, null, ['k']]) expect(head({ kid })).toBe('kid_missing header/kid: there is no "kid"');
    expect(head({ kid: 'k'.repeat(257) })).toBe('too_large header/kid: it has 257 characters, more than 256');
  });
  it.each(['jwk', 'jku', 'x5u', 'crit', 'b64', 'zip'])('%s has no place in it, whatever it holds', (name) => {
    for (const value of [null, false, 'x', ['x']])
      expect(head({ [name]: value })).toBe(`header_not_allowed header/${name}: the header parameter "${name}" is not accepted`);
    expect(said(parseJws(raw({ alg: 'ES256', [name]: 'x' }), 'a+jwt', 100_000, { typOptional: true, kidOptional: true }))).toContain('header_not_allowed');
  });
  it('typ and kid may be left out where that is asked for, each for itself; what is there is looked at all the same', () => {
    const open = (change: object, options: object) => said(parseJws(raw({ ...sound, ...change }), 'a+jwt', 100_000, options));
    expect(open({ typ: undefined }, { typOptional: true })).toBe('ok');
    expect(open({ kid: undefined }, { kidOptional: true })).toBe('ok');
    expect(open({ typ: undefined }, { kidOptional: true })).toContain('typ_wrong');
    expect(open({ kid: undefined }, { typOptional: true })).toContain('kid_missing');
    expect([open({ typ: 'b+jwt' }, { typOptional: true }), open({ typ: null }, { typOptional: true })].join()).toMatch(/typ_wrong.*typ_wrong/);
    expect([open({ kid: '' }, { kidOptional: true }), open({ kid: null }, { kidOptional: true })].join()).toMatch(/kid_missing.*kid_missing/);
  });
});

describe('what is said of the parts', () => {
  it('each is named', () => {
    expect(said(parseJws(5, 'a+jwt'))).toBe('jws_malformed : it is not a compact JWS');
    for (const compact of ['', 'a.b', 'AA.AA.AA.AA', 'AA..AA', 'AA.AA.', 'A.AA.AA', 'AA.AA.AA='])
      expect(said(parseJws(compact, 'a+jwt'))).toBe('jws_malformed : it is not three base64url parts joined by dots');
    expect(said(parseJws('_w.AA.AA', 'a+jwt'))).toBe('jws_malformed header: it is not base64url of UTF-8 text');
    const [good = ''] = raw(sound).split('.');
    expect(said(parseJws(`${good}._w.AA`, 'a+jwt'))).toBe('jws_malformed payload: it is not base64url of UTF-8 text');
    for (const value of [null, [], 5, 'x']) {
      expect(said(parseJws(raw(value), 'a+jwt'))).toBe('json_invalid header: it is not a JSON object');
      expect(said(parseJws(raw(sound, JSON.stringify(value)), 'a+jwt'))).toBe('json_invalid payload: it is not a JSON object');
    }
    expect(said(parseJws(raw(sound, '{"a":1,"a":1}'), 'a+jwt'))).toContain('json_duplicate_member payload: ');
    expect(said(parseJws(raw(sound, '{'), 'a+jwt'))).toContain('json_invalid payload: ');
  });
  it('the size asked for is the size allowed', () => {
    const compact = raw(sound);
    const of = (most: number) => said(parseJws(compact, 'a+jwt', most));
    expect([of(compact.length - 1), of(compact.length)]).toEqual([`too_large : ${compact.length} bytes, more than ${compact.length - 1}`, 'ok']);
  });
  it('what is signed is read back', async () => {
    const compact = await signJws('a+jwt', { a: 1, b: { c: ['é'] } }, key);
    const jws = parseJws(compact, 'a+jwt');
    expect(jws).toEqual({ ok: true, value: { compact, header: { typ: 'a+jwt', alg: 'ES256', kid: key.kid }, claims: { a: 1, b: { c: ['é'] } } } });
    expect(jws.ok && (await verifyJws(jws.value, { keys: [key.jwk] })).ok).toBe(true);
  });
});

describe('JO-05: what is said when no key verifies', () => {
  const verify = async (keys: unknown, jws?: unknown) => said(await verifyJws((jws ?? read(await key.jwt({}))) as ParsedJws, { keys } as JwkSet));
  it('the key is named', async () => {
    const { jwk, kid } = key;
    const other = (await testKey()).jwk;
    expect(await verify([other, jwk])).toBe('ok');
    expect(await verify([other])).toBe(`signature_key_unknown header/kid: no key has the kid "${kid}"`);
    expect(await verify([jwk, other, { ...other, kid }])).toBe(`signature_key_unknown header/kid: more than one key has the kid "${kid}"`);
    expect(await verify([{ ...jwk, use: 'enc' }])).toMatch(/^signature_key_unknown header\/kid: the key ".*" cannot be used: "use" is "enc"/);
    expect(await verify([{ ...(await testKey('ES384')).jwk, kid }])).toBe(`alg_not_accepted header/alg: the key "${kid}" does not sign with ES256`);
    expect(await verify([{ ...other, kid }])).toBe(`signature_invalid signature: it does not verify with the key "${kid}"`);
    expect(await verify([jwk], read(flipSignature(await key.jwt({}))))).toBe(`signature_invalid signature: it does not verify with the key "${kid}"`);
    for (const keys of [undefined, 'x', {}, [null]]) expect(await verify(keys)).toBe(`signature_key_unknown header/kid: no key has the kid "${kid}"`);
    for (const jws of [5, {}, { header: {} }, { header: { kid, alg: 'ES256' }, compact: 5 }, { compact: 'x' }])
      expect(await verify([jwk], jws)).toBe('jws_malformed : it is no parsed JWS');
  });
  it('without a kid, the algorithm decides: one key fits, a key that cannot be used does not', async () => {
    const compact = await key.jwt({}, { kid: undefined });
    const parsed = parseJws(compact, 'entity-statement+jwt', 100_000, { kidOptional: true });
    const jws = parsed.ok ? parsed.value : undefined;
    const { jwk } = key;
    expect(await verify([(await testKey('ES384')).jwk, { ...jwk, kid: 'enc', use: 'enc' }, jwk], jws)).toBe('ok');
    expect(await verify([(await testKey('ES384')).jwk], jws)).toBe('signature_key_unknown header/kid: no key fits ES256, and the header names none');
    expect(await verify([jwk, { ...jwk, kid: 'b' }], jws)).toBe('signature_key_unknown header/kid: more than one key fits ES256, and the header names none');
  });
});

describe('what is remembered', () => {
  it('keys: as many as asked for, the oldest goes first', () => {
    const cache = createKeyCache(2);
    const made = Promise.resolve({} as never);
    for (const id of ['a', 'b', 'c']) cache.set(id, made);
    expect(['a', 'b', 'c', 'd'].map((id) => cache.get(id) === made)).toEqual([false, true, true, false]);
    cache.set('d', made);
    expect(['b', 'c', 'd'].map((id) => cache.get(id) === made)).toEqual([false, true, true]);
    expect(cache.signatures).toBe(undefined);
  });
  it('a key is imported once, for each algorithm, under whatever kid; different keys are kept apart', async () => {
    const known = new Map<string, Promise<never>>();
    const cache = { get: (id: string) => known.get(id), set: (id: string, one: never) => void known.set(id, one) } as never;
    const verify = async (signer: TestKey) => (await verifyJws(read(await signer.jwt({})), { keys: [signer.jwk] }, cache)).ok;
    const other = await testKey('ES256', key.kid);
    const rsa = await testKey('RS256');
    expect([await verify(key), await verify(key), known.size]).toEqual([true, true, 1]);
    expect([await verify(other), known.size, await verify(rsa), known.size]).toEqual([true, 2, true, 3]);
    const renamed = read(await key.jwt({}, { kid: 'renamed' }));
    expect((await verifyJws(renamed, { keys: [{ ...key.jwk, kid: 'renamed' }] }, cache)).ok).toBe(true);
    expect(known.size).toBe(3);
    const [first] = await Promise.all(known.values());
    expect(first).toMatchObject({ type: 'public' });
  });
  it('TC-13: signatures, for one walk: by token and key, what failed as well', async () => {
    const keys = createKeyCache(10);
    const cache = rememberingSignatures(keys);
    const jws = read(await key.jwt({ a: 1 }));
    const set = { keys: [key.jwk] };
    expect((await verifyJws(jws, set, cache)).ok).toBe(true);
    const [[id, verdict] = []] = cache.signatures ?? [];
    expect([cache.signatures?.size, await verdict]).toEqual([1, true]);
    // What is remembered is believed: within a walk the same token and key are not checked again.
    cache.signatures?.set(id ?? '', Promise.resolve(false));
    expect((await verifyJws(jws, set, cache)).ok).toBe(false);
    expect((await verifyJws(jws, set, keys)).ok).toBe(true);
    const other = (await testKey('ES256', key.kid)).jwk;
    expect((await verifyJws(jws, { keys: [other] }, cache)).ok).toBe(false);
    expect(cache.signatures?.size).toBe(2);
    expect((await verifyJws(read(await key.jwt({ a: 2 })), set, cache)).ok).toBe(true);
    expect([cache.signatures?.size, rememberingSignatures(keys).signatures?.size]).toEqual([3, 0]);
    expect(await Promise.all([...(cache.signatures ?? new Map<string, Promise<boolean>>()).values()])).toEqual([false, false, true]);
  });
});

describe('EV-04: times against the clock', () => {
  const times = (claims: object, skew = 60) => {
    const late = checkTimes(claims as never, NOW, skew);
    return late ? `${late.code} ${late.where}: ${late.detail}` : 'ok';
  };
  it('exp has no skew, iat and nbf have', () => {
    expect(times({})).toBe('ok');
    expect([1, 0.25, 0, -90.4].map((s) => times({ exp: NOW + s }))).toEqual([
      'ok',
      'ok',
      `expired exp: it expired at ${NOW}, 0 s ago`,
      `expired exp: it expired at ${NOW - 90.4}, 90 s ago`,
    ]);
    expect([60, 60.5, 61].map((s) => times({ iat: NOW + s }))).toEqual([
      'ok',
      'not_yet_valid iat: it was issued 61 s in the future',
      'not_yet_valid iat: it was issued 61 s in the future',
    ]);
    expect([60, 61].map((s) => times({ nbf: NOW + s }))).toEqual(['ok', 'not_yet_valid nbf: it is not valid for another 61 s']);
    expect([0, 1].map((s) => times({ iat: NOW + s, nbf: NOW + s }, 0))).toEqual(['ok', 'not_yet_valid iat: it was issued 1 s in the future']);
    expect(times({ exp: Number.NaN })).toContain('expired exp');
    expect(times({ iat: Number.NaN })).toContain('not_yet_valid iat');
    expect(times({ nbf: Number.NaN })).toContain('not_yet_valid nbf');
  });
});
