import { failure, finding, type Finding, quote, refuse, type Result, success } from './finding.js';
import { MAX_JWKS_BYTES, MAX_JWKS_KEYS, MAX_KID_LENGTH, MAX_RSA_BITS, MIN_RSA_BITS } from './limits.js';
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
   * Refuse keys of a type we cannot use. On by default for keys we bind; off when reading others' statements,
   * where RFC 7517 §5 wants unknown key types ignored.
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
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** Bytes that unpadded base64url text stands for; undefined when it is not base64url. */
const byteLength = (text: unknown): number | undefined =>
  typeof text === 'string' && BASE64URL.test(text) && text.length % 4 !== 1 ? Math.floor((text.length * 3) / 4) : undefined;

/** Bits of a base64url big-endian integer; leading zero octets do not count (RFC 7518 §6.3.1.1 forbids them). */
function bitLength(text: unknown): number | undefined {
  const bytes = byteLength(text);
  if (bytes === undefined) return undefined;
  const head = atob((text as string).slice(0, 4).padEnd(4, 'A').replaceAll('-', '+').replaceAll('_', '/')).charCodeAt(0);
  return head === 0 ? 0 : bytes * 8 - (Math.clz32(head) - 24);
}

/** The algorithms a key can sign with; empty for a type we do not support. A key's own `alg` narrows it to one. */
export function algorithmsOf(jwk: PublicJwk): readonly SigningAlgorithm[] {
  const all: readonly SigningAlgorithm[] =
    jwk.kty === 'RSA'
      ? RSA_ALGORITHMS
      : jwk.kty === 'OKP' && jwk.crv === 'Ed25519'
        ? ['Ed25519', 'EdDSA']
        : jwk.kty === 'EC'
          ? [EC_ALGORITHMS[jwk.crv ?? '']?.[0]].filter((alg) => alg !== undefined)
          : [];
  return jwk.alg === undefined ? all : all.filter((alg) => alg === jwk.alg);
}

function checkKey(value: unknown, where: string, strict: boolean): Finding | undefined {
  if (!isObject(value) || typeof value['kty'] !== 'string') return finding('jwks_invalid', where, 'a key is an object with "kty"');
  if (value['kty'] === 'oct' || value['k'] !== undefined) return finding('jwk_symmetric', where, 'a symmetric key is no public key');
  const leaked = PRIVATE_MEMBERS.find((name) => value[name] !== undefined);
  if (leaked) return finding('jwk_private', where, `it holds the private member "${leaked}"`);
  const { kid } = value;
  if (typeof kid !== 'string' || kid.length === 0) return finding('kid_missing', where, 'each key needs a "kid"');
  if (kid.length > MAX_KID_LENGTH) return finding('too_large', where, `its "kid" has ${kid.length} characters, more than ${MAX_KID_LENGTH}`);
  for (const name of ['alg', 'use', 'crv']) {
    if (value[name] !== undefined && typeof value[name] !== 'string') return finding('jwks_invalid', where, `"${name}" is not a string`);
  }
  const weak = checkMaterial(value, where);
  if (weak) return weak;
  if (!strict) return undefined;
  if (value['use'] !== undefined && value['use'] !== 'sig')
    return finding('jwk_unsupported', where, `"use" is ${quote(value['use'])}; a Federation Entity Key signs`);
  return algorithmsOf(value as unknown as PublicJwk).length
    ? undefined
    : finding('jwk_unsupported', where, `kty ${quote(value['kty'])}, crv ${quote(value['crv'] ?? '')}, alg ${quote(value['alg'] ?? '')} is not supported`);
}

function checkMaterial(key: Record<string, unknown>, where: string): Finding | undefined {
  if (key['kty'] === 'RSA') {
    const bits = bitLength(key['n']);
    const exponent = byteLength(key['e']);
    if (bits === undefined || exponent === undefined || exponent > 8) return finding('jwks_invalid', where, '"n" and "e" are not base64url integers');
    if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS)
      return finding('jwk_weak', where, `an RSA modulus of ${bits} bits is outside ${MIN_RSA_BITS} to ${MAX_RSA_BITS}`);
    if (key['e'] === 'AQ' || key['e'] === 'Aw') return finding('jwk_weak', where, 'the RSA exponent is below 65537');
  }
  const curve = key['kty'] === 'EC' ? EC_ALGORITHMS[String(key['crv'])] : undefined;
  if (curve && (byteLength(key['x']) !== curve[1] || byteLength(key['y']) !== curve[1]))
    return finding('jwks_invalid', where, `"x" and "y" are not ${curve[1]} bytes of base64url`);
  if (key['kty'] === 'OKP' && key['crv'] === 'Ed25519' && byteLength(key['x']) !== 32)
    return finding('jwks_invalid', where, '"x" is not 32 bytes of base64url');
  return undefined;
}

/**
 * Check a JWK Set of public keys (§3.1.1: every key has a `kid`, unique within the set). All faults are reported.
 * Findings: jwks_invalid, jwk_private, jwk_symmetric, jwk_weak, jwk_unsupported, kid_missing, kid_duplicate, too_many, too_large.
 */
export function parseJwkSet(value: unknown, where = 'jwks', { strict = true }: JwkSetOptions = {}): Result<JwkSet> {
  if (!isObject(value) || !Array.isArray(value['keys'])) return refuse('jwks_invalid', where, 'a JWK Set is an object with an array "keys"');
  const keys: unknown[] = value['keys'];
  if (keys.length === 0) return refuse('jwks_invalid', where, 'the set holds no key');
  if (keys.length > MAX_JWKS_KEYS) return refuse('too_many', where, `${keys.length} keys, more than ${MAX_JWKS_KEYS}`);
  if (JSON.stringify(value).length > MAX_JWKS_BYTES) return refuse('too_large', where, `the set has more than ${MAX_JWKS_BYTES} bytes`);
  const findings: Finding[] = [];
  const kids = new Set<unknown>();
  for (const [n, key] of keys.entries()) {
    const bad = checkKey(key, `${where}/keys/${n}`, strict);
    if (bad) findings.push(bad);
    const kid = isObject(key) ? key['kid'] : undefined;
    if (kid !== undefined && kids.has(kid)) findings.push(finding('kid_duplicate', `${where}/keys/${n}`, `the kid ${quote(kid)} occurs twice`));
    kids.add(kid);
  }
  return findings.length ? failure(...findings) : success({ keys: keys as PublicJwk[] });
}

/** Same key material, whatever else the two JWKs say. */
export const sameKey = (a: PublicJwk, b: PublicJwk): boolean => a.kty === b.kty && a.crv === b.crv && a.x === b.x && a.y === b.y && a.n === b.n && a.e === b.e;
