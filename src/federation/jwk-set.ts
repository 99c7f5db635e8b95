import { failure, finding, type Finding, quote, refuse, type Result, success } from './finding.js';
import { MAX_JWKS_BYTES, MAX_JWKS_KEYS, MAX_KID_LENGTH, MAX_RSA_BITS, MIN_RSA_BITS } from './limits.js';
import { bytesOf } from './base64url.js';
import { jsonLength } from './json-size.js';
import { keptTexts } from './kept-texts.js';
import { isOnCurve } from './on-curve.js';
import { isObject } from './strict-json.js';

/** Signing algorithms that are accepted; never `none`, never an HMAC (OpenID Federation 1.0 §3.2). */
export const SIGNING_ALGORITHMS = ['ES256', 'ES384', 'ES512', 'Ed25519', 'EdDSA', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const;
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];
export const isSigningAlgorithm = (text: unknown): text is SigningAlgorithm => (SIGNING_ALGORITHMS as readonly unknown[]).includes(text);

/** A public JWK with a `kid` (RFC 7517). Members nobody here knows are carried along. */
export interface PublicJwk {
  readonly kty: string;
  readonly kid: string;
  readonly alg?: string;
  readonly use?: string;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly n?: string;
  readonly e?: string;
  readonly [member: string]: unknown;
}
export interface JwkSet {
  readonly keys: readonly PublicJwk[];
}

export interface JwkSetOptions {
  /**
   * Refuse a set with any key we cannot use: for keys we bind and sign. Off when reading others' sets, where RFC 7517 §5 wants
   * such keys ignored: they stay in the set, and `verifyJws` never verifies with one.
   */
  readonly strict?: boolean;
}

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'priv'];
const EC_ALGORITHMS: Record<string, readonly [alg: SigningAlgorithm, bytes: number]> = {
  'P-256': ['ES256', 32],
  'P-384': ['ES384', 48],
  'P-521': ['ES512', 66],
};
const RSA_ALGORITHMS = SIGNING_ALGORITHMS.filter((alg) => /^[RP]S/.test(alg));
/** One algorithm under two names (RFC 9864 §2.2); which of them a key or a header carries is a matter of its age. */
const EDWARDS: readonly SigningAlgorithm[] = ['Ed25519', 'EdDSA'];
/** Is it the same algorithm, under whichever of its names? */
export const sameAlgorithm = (one: string, other: string): boolean =>
  one === other || [one, other].every((name) => (EDWARDS as readonly string[]).includes(name));

/** The algorithms a key can sign with; empty for a type we do not support. A key's own `alg` narrows it. */
export function algorithmsOf(jwk: PublicJwk): readonly SigningAlgorithm[] {
  if (!isObject(jwk)) return [];
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') return jwk.alg === undefined || (EDWARDS as readonly string[]).includes(jwk.alg) ? EDWARDS : [];
  const all =
    jwk.kty === 'RSA'
      ? RSA_ALGORITHMS
      : jwk.kty === 'EC' && typeof jwk.crv === 'string' && Object.hasOwn(EC_ALGORITHMS, jwk.crv)
        ? [EC_ALGORITHMS[jwk.crv]?.[0]].filter((alg) => alg !== undefined)
        : [];
  return jwk.alg === undefined ? all : all.filter((alg) => alg === jwk.alg);
}

/** The finding with the remedy that fits this case. */
const mended = (one: Finding, fix: string): Finding => ({ ...one, fix });

/** A secret in a public place: the whole set is refused, whatever else is in it (§3.1.1). */
function exposure(key: Record<string, unknown>, where: string): Finding | undefined {
  const there = (name: string): boolean => key[name] !== undefined && key[name] !== null;
  if (key['kty'] === 'oct' || there('k')) return finding('jwk_symmetric', where, 'a symmetric key is no public key');
  const leaked = PRIVATE_MEMBERS.find(there);
  return leaked === undefined ? undefined : finding('jwk_private', where, `it holds the private member "${leaked}"`);
}

/**
 * Why nothing may be verified with a key; undefined when it is sound. Such a key is ignored in others' sets (RFC 7517 §5), and
 * never bound or published by us.
 * Findings: jwks_invalid, jwk_private, jwk_symmetric, jwk_weak, jwk_unsupported, kid_missing, too_large.
 */
export function keyFault(key: unknown, where: string): Finding | undefined {
  if (!isObject(key) || typeof key['kty'] !== 'string') return finding('jwks_invalid', where, 'a key is an object with "kty"');
  const exposed = exposure(key, where);
  if (exposed) return exposed;
  const empty = [...PRIVATE_MEMBERS, 'k'].find((name) => key[name] === null);
  if (empty !== undefined)
    return mended(
      finding('jwks_invalid', where, `"${empty}" is null; no private key is in it`),
      'Leave the member out: a JWK says what it has not by saying nothing.',
    );
  const { kid, use, key_ops: ops } = key;
  if (typeof kid !== 'string' || kid.length === 0)
    return {
      ...finding('kid_missing', where, 'this JWK has no "kid"'),
      clause: finding('jwks_invalid', '', '').clause,
      fix: 'Give the JWK a "kid", best its RFC 7638 thumbprint, the same that the header of its signatures names.',
    };
  if (kid.length > MAX_KID_LENGTH) return finding('too_large', where, `its "kid" has ${kid.length} characters, more than ${MAX_KID_LENGTH}`);
  for (const name of ['alg', 'use', 'crv'])
    if (key[name] !== undefined && typeof key[name] !== 'string') return finding('jwks_invalid', where, `"${name}" is not a string`);
  if (use !== undefined && use !== 'sig')
    return mended(finding('jwk_unsupported', where, `"use" is ${quote(use)}; a Federation Entity Key signs`), 'Keys here sign: leave the encryption key out.');
  if (ops !== undefined && !(Array.isArray(ops) && ops.includes('verify')))
    return mended(finding('jwk_unsupported', where, '"key_ops" does not allow to verify'), 'Keys here sign: leave keys for other purposes out.');
  if (algorithmsOf(key as unknown as PublicJwk).length === 0)
    return finding('jwk_unsupported', where, `kty ${quote(key['kty'])}, crv ${quote(key['crv'] ?? '')}, alg ${quote(key['alg'] ?? '')} is not supported`);
  return materialFault(key, where);
}

function materialFault(key: Record<string, unknown>, where: string): Finding | undefined {
  const no = (detail: string) => finding('jwks_invalid', where, detail);
  if (key['kty'] === 'RSA') return rsaFault(bytesOf(key['n']), bytesOf(key['e']), where);
  if (key['kty'] === 'OKP') {
    const x = bytesOf(key['x']);
    if (x?.length !== 32) return no('"x" is not 32 bytes of base64url');
    return isSoundEd25519(x) ? undefined : finding('jwk_weak', where, '"x" is a point under which anybody can sign');
  }
  const { crv, x, y } = key;
  if (typeof x === 'string' && typeof y === 'string' && isKnownPoint(`${String(crv)} ${x} ${y}`)) return undefined;
  const curve = String(crv);
  const bytes = EC_ALGORITHMS[curve]?.[1] ?? 0;
  const fits = [x, y].every((one) => bytesOf(one)?.length === bytes);
  return no(fits ? `"x" and "y" are no point of ${curve}` : `"x" and "y" are not ${bytes} bytes of base64url`);
}

/** Is this a curve, and the base64url of a point of it? The same key is judged where it is bound, and in all that is said of it. */
const isKnownPoint = keptTexts((text) => {
  const [curve = '', ...coordinates] = text.split(' ');
  const bytes = EC_ALGORITHMS[curve]?.[1];
  const [x, y, ...more] = coordinates.map(bytesOf);
  return (more.length === 0 && x?.length === bytes && y?.length === bytes && x && y && isOnCurve(curve, x, y)) || undefined;
});

/** RFC 7518 §6.3.1: integers without leading zero octets; an even modulus or exponent is no RSA key at all. */
function rsaFault(n: Uint8Array | undefined, e: Uint8Array | undefined, where: string): Finding | undefined {
  if (!n || !e) return finding('jwks_invalid', where, '"n" and "e" are not base64url integers');
  const zero = n[0] === 0 ? 'n' : e[0] === 0 ? 'e' : undefined;
  if (zero)
    return mended(
      finding('jwks_invalid', where, `"${zero}" begins with a zero octet`),
      'Encode the integer in as many octets as it needs (RFC 7518 §6.3.1.1): drop the leading zero.',
    );
  const bits = n.length * 8 - (Math.clz32(n[0] ?? 0) - 24);
  if (bits < MIN_RSA_BITS) return finding('jwk_weak', where, `an RSA modulus of ${bits} bits is below ${MIN_RSA_BITS}`);
  if (bits > MAX_RSA_BITS)
    return mended(
      finding('jwk_weak', where, `an RSA modulus of ${bits} bits is above the limit of ${MAX_RSA_BITS}; it is not weak, but costs every reader too much`),
      `Use an RSA key of ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits.`,
    );
  if (e.length > MAX_EXPONENT_BYTES) return finding('jwks_invalid', where, `an RSA exponent of ${e.length} bytes is longer than ${MAX_EXPONENT_BYTES}`);
  const even = [n, e].some((integer) => ((integer.at(-1) ?? 0) & 1) === 0);
  if (even || e.length < 3 || (e.length === 3 && (e[0] ?? 0) < 1))
    return finding('jwk_weak', where, even ? 'the RSA modulus or exponent is even' : 'the RSA exponent is below 65537');
  return undefined;
}
const MAX_EXPONENT_BYTES = 8;

/**
 * Points of small order: whoever likes can make signatures that verify with them. And numbers that stand for another point than
 * they say (RFC 8032 §5.1.3: y is below the field prime 2^255 - 19).
 */
function isSoundEd25519(x: Uint8Array): boolean {
  const y = [...x.slice(0, 31), (x[31] ?? 0) & 0x7f];
  const aboveTheField = y.slice(1, 31).every((one) => one === 0xff) && y[31] === 0x7f && (y[0] ?? 0) >= 0xec;
  const text = y.map((one) => one.toString(16).padStart(2, '0')).join('');
  return !aboveTheField && !SMALL_ORDER.includes(text);
}
/** The y coordinates 0, 1 and those of the points of order 8, little-endian; -1 is above (it is the last below the prime). */
const SMALL_ORDER = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
];

/**
 * Check a JWK Set of public keys (§3.1.1: every key has a `kid`, unique within the set). All faults are reported. Read without
 * `strict`, a set stands as long as one key of it can be used.
 * Findings: jwks_invalid, jwk_private, jwk_symmetric, jwk_weak, jwk_unsupported, kid_missing, kid_duplicate, too_many, too_large.
 */
export function parseJwkSet(value: unknown, where = 'jwks', { strict = true }: JwkSetOptions = {}): Result<JwkSet> {
  const judged = judgeKeys(value, where);
  if (!judged.ok) return judged;
  const { usable, ignored } = judged.value;
  return (strict && ignored.length) || usable.length === 0 ? failure(...ignored) : success(value as unknown as JwkSet);
}

/** The keys of a set that can be vouched for, and why each other one cannot. */
export interface UsableKeys {
  readonly jwks: JwkSet;
  /** One finding a key left out; its place says which. */
  readonly ignored: readonly Finding[];
}

/**
 * Of a JWK Set the keys that sign: RFC 7517 §5 has keys ignored whose type, values or use one does not support. Refused is a
 * set without a usable key, and one that holds a private or symmetric key or the same `kid` twice.
 * Findings: as `parseJwkSet`.
 */
export function usableKeys(value: unknown): Result<UsableKeys> {
  const judged = judgeKeys(value, 'jwks');
  if (!judged.ok) return judged;
  const { usable, ignored } = judged.value;
  return usable.length === 0 ? failure(...ignored) : success({ jwks: { keys: usable }, ignored });
}

function judgeKeys(value: unknown, where: string): Result<{ readonly usable: readonly PublicJwk[]; readonly ignored: readonly Finding[] }> {
  if (!isObject(value) || !Array.isArray(value['keys'])) return refuse('jwks_invalid', where, 'a JWK Set is an object with an array "keys"');
  const keys: unknown[] = value['keys'];
  if (keys.length === 0) return refuse('jwks_invalid', where, 'the set holds no key');
  if (keys.length > MAX_JWKS_KEYS) return refuse('too_many', where, `${keys.length} keys, more than ${MAX_JWKS_KEYS}`);
  if (jsonLength(value, MAX_JWKS_BYTES) > MAX_JWKS_BYTES) return refuse('too_large', where, `the set has more than ${MAX_JWKS_BYTES} bytes`);
  const usable: PublicJwk[] = [];
  const ignored: Finding[] = [];
  const fatal: Finding[] = [];
  const kids = new Set<unknown>();
  for (const [n, key] of keys.entries()) {
    const place = `${where}/keys/${n}`;
    const fault = keyFault(key, place);
    if (!fault) usable.push(key as PublicJwk);
    else if (['jwk_private', 'jwk_symmetric'].includes(fault.code) || !isObject(key)) fatal.push(fault);
    else ignored.push(fault);
    const kid = isObject(key) ? key['kid'] : undefined;
    if (typeof kid === 'string' && kids.has(kid)) fatal.push(finding('kid_duplicate', place, `the kid ${quote(kid)} occurs twice`));
    kids.add(kid);
  }
  return fatal.length ? failure(...ignored, ...fatal) : success({ usable, ignored });
}

/** Same key material, whatever else the two JWKs say. */
export const sameKey = (a: PublicJwk, b: PublicJwk): boolean => a.kty === b.kty && a.crv === b.crv && a.x === b.x && a.y === b.y && a.n === b.n && a.e === b.e;
