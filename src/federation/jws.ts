import { base64url, compactVerify, type CryptoKey, importJWK } from 'jose';
import { finding, quote, refuse, type Result, success } from './finding.js';
import { isBase64url } from './base64url.js';
import { algorithmsOf, isSigningAlgorithm, type JwkSet, keyFault, type PublicJwk, type SigningAlgorithm } from './jwk-set.js';
import { MAX_JSON_VALUES, MAX_KID_LENGTH, MAX_STATEMENT_BYTES } from './limits.js';
import { requireNow } from './numeric-date.js';
import { isObject, parseJson } from './strict-json.js';

/** The only caller of jose for federation artefacts: it asks for everything that jose lets pass. */

export interface JwsHeader {
  readonly alg: SigningAlgorithm;
  readonly kid: string;
  readonly typ: string;
  readonly [name: string]: unknown;
}

/** A JWS that was taken apart and has a sound header. Its signature is NOT verified. */
export interface ParsedJws {
  readonly compact: string;
  readonly header: JwsHeader;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Something that signs with one key. Custody back ends (sealed in the database, a device, a cloud service) implement it. */
export interface Signer {
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  /** Sign `bytes`; gives the JWS signature (for ECDSA the raw r ‖ s of RFC 7518 §3.4). */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** Remembers imported keys between validations; importing costs about as much as verifying. */
export interface KeyCache {
  get(id: string): Promise<CryptoKey> | undefined;
  set(id: string, key: Promise<CryptoKey>): void;
  /** Signatures that were checked, by token and key: for the length of one walk, which meets the same statements again. */
  readonly signatures?: Map<string, Promise<boolean>>;
}

/** The same cache, and signatures remembered for one walk (OpenID Federation 1.0 §10.2 lets results be cached). */
export function rememberingSignatures(keys: KeyCache): KeyCache {
  return { get: (id) => keys.get(id), set: (id, key) => keys.set(id, key), signatures: new Map() };
}

/** A key cache that forgets the oldest entry beyond `max` keys. */
export function createKeyCache(max = 1000): KeyCache {
  const keys = new Map<string, Promise<CryptoKey>>();
  return {
    get: (id) => keys.get(id),
    set(id, key) {
      keys.set(id, key);
      const [oldest] = keys.keys();
      if (keys.size > max && oldest !== undefined) keys.delete(oldest);
    },
  };
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Keys inside a header (jwk, x5c) or behind a URL in it (jku, x5u) prove nothing: the key comes from the chain. */
const FORBIDDEN_HEADERS = ['jwk', 'jku', 'x5u', 'crit', 'b64', 'zip'];

/** What a kind of JWS may leave out of its header, or write in more than one way. Entity Statements may not (§3). */
export interface JwsOptions {
  readonly typOptional?: boolean;
  readonly kidOptional?: boolean;
  /**
   * Compare `typ` as the media type it is, in any case, with `application/` or without (RFC 7515 §4.1.9). Off for the kinds that
   * OpenID Federation types itself: there it is that very text (§3, §7, §8).
   */
  readonly typAsMediaType?: boolean;
}

/**
 * Take a compact JWS apart without verifying it.
 * Findings: too_large, too_many, jws_malformed, json_*, typ_wrong, alg_not_accepted, kid_missing, header_not_allowed.
 * @param typ the exact `typ` values accepted (OpenID Federation 1.0 §3: another or none is rejected)
 * @param maxBytes cap on the compact form, checked before anything is decoded
 */
export function parseJws(compact: unknown, typ: string | readonly string[], maxBytes = MAX_STATEMENT_BYTES, options: JwsOptions = {}): Result<ParsedJws> {
  if (typeof compact !== 'string') return refuse('jws_malformed', '', 'it is not a compact JWS');
  if (compact.length > maxBytes) return refuse('too_large', '', `${compact.length} bytes, more than ${maxBytes}`);
  const parts = compact.split('.', 4);
  if (parts.length !== 3 || !parts.every(isBase64url)) return refuse('jws_malformed', '', 'it is not three base64url parts joined by dots');
  const [head = '', payload = ''] = parts;
  const header = decodePart(head, 'header');
  if (!header.ok) return header;
  const bad = checkHeader(header.value, typeof typ === 'string' ? [typ] : typ, options);
  if (bad) return bad;
  const claims = decodePart(payload, 'payload');
  if (!claims.ok) return claims;
  return success({ compact, header: header.value as unknown as JwsHeader, claims: claims.value });
}

function decodePart(part: string, where: string): Result<Record<string, unknown>> {
  let text: string;
  try {
    text = decoder.decode(base64url.decode(part));
  } catch {
    return refuse('jws_malformed', where, 'it is not base64url of UTF-8 text');
  }
  const json = parseJson(text, where, { maxValues: MAX_JSON_VALUES });
  if (!json.ok) return json;
  return isObject(json.value) ? success(json.value) : refuse('json_invalid', where, 'it is not a JSON object');
}

function checkHeader(
  header: Record<string, unknown>,
  types: readonly string[],
  { typOptional = false, kidOptional = false, typAsMediaType = false }: JwsOptions,
) {
  const { alg, kid } = header;
  const typ = typAsMediaType && typeof header['typ'] === 'string' ? header['typ'].toLowerCase().replace(/^application\//, '') : header['typ'];
  const extra = FORBIDDEN_HEADERS.find((name) => Object.hasOwn(header, name));
  const typed = typOptional && typ === undefined;
  if (!typed && (typeof typ !== 'string' || !types.includes(typ)))
    return refuse('typ_wrong', 'header/typ', `it is ${quote(typ ?? '')}, not ${types.join(' or ')}`);
  if (!isSigningAlgorithm(alg)) return refuse('alg_not_accepted', 'header/alg', `${quote(alg ?? '')} is not accepted`);
  if (kidOptional && kid === undefined) return extra ? forbidden(extra) : undefined;
  if (typeof kid !== 'string' || kid.length === 0) return refuse('kid_missing', 'header/kid', 'there is no "kid"');
  if (kid.length > MAX_KID_LENGTH) return refuse('too_large', 'header/kid', `it has ${kid.length} characters, more than ${MAX_KID_LENGTH}`);
  return extra ? forbidden(extra) : undefined;
}
const forbidden = (name: string) => refuse('header_not_allowed', `header/${name}`, `the header parameter "${name}" is not accepted`);

/**
 * Verify a parsed JWS with the one key of `jwks` whose `kid` equals the header's; no other key is tried (§3.2). Where the kind
 * of JWS may lack a `kid`, with the one key that fits its `alg`. A key that cannot be used is never used, whoever lists it.
 * Gives the key that verified. Findings: signature_key_unknown, alg_not_accepted, signature_invalid.
 */
export async function verifyJws(jws: ParsedJws, jwks: JwkSet, cache?: KeyCache): Promise<Result<PublicJwk>> {
  if (!isObject(jws?.header) || typeof jws.compact !== 'string') return refuse('jws_malformed', '', 'it is no parsed JWS');
  const { kid, alg } = jws.header;
  const fits = (key: PublicJwk): boolean => (kid === undefined ? !keyFault(key, '') && algorithmsOf(key).includes(alg) : key?.kid === kid);
  const [jwk, twin] = (Array.isArray(jwks?.keys) ? jwks.keys : []).filter(fits);
  const named = kid === undefined ? `fits ${alg}, and the header names none` : `has the kid ${quote(kid)}`;
  if (!jwk) return refuse('signature_key_unknown', 'header/kid', `no key ${named}`);
  if (twin) return refuse('signature_key_unknown', 'header/kid', `more than one key ${named}`);
  const fault = keyFault(jwk, '');
  if (fault) return refuse('signature_key_unknown', 'header/kid', `the key ${quote(jwk.kid)} cannot be used: ${fault.detail}`);
  if (!algorithmsOf(jwk).includes(alg)) return refuse('alg_not_accepted', 'header/alg', `the key ${quote(jwk.kid)} does not sign with ${alg}`);
  const known = cache?.signatures && `${idOf(jwk, alg)} ${jws.compact}`;
  const checked = (known && cache?.signatures?.get(known)) || check(jws.compact, jwk, alg, cache);
  if (known) cache?.signatures?.set(known, checked);
  return (await checked) ? success(jwk) : refuse('signature_invalid', 'signature', `it does not verify with the key ${quote(jwk.kid)}`);
}

async function check(compact: string, jwk: PublicJwk, alg: SigningAlgorithm, cache?: KeyCache): Promise<boolean> {
  try {
    await compactVerify(compact, await importKey(jwk, alg, cache), { algorithms: [alg] });
    return true;
  } catch {
    return false;
  }
}

/** Key material and algorithm: the same under whatever `kid`. */
const idOf = ({ kty, crv, x, y, n, e }: PublicJwk, alg: SigningAlgorithm): string => `${alg} ${kty} ${crv} ${x} ${y} ${n} ${e}`;

function importKey(jwk: PublicJwk, alg: SigningAlgorithm, cache?: KeyCache): Promise<CryptoKey> {
  const { kty, crv, x, y, n, e } = jwk; // only the key material: use, key_ops and ext of strangers do not matter here
  const id = cache && idOf(jwk, alg);
  const known = id && cache?.get(id);
  if (known) return known;
  const key = kty === 'EC' ? importPoint(crv, x, y) : (importJWK((kty === 'RSA' ? { kty, n, e } : { kty, crv, x }) as never, alg) as Promise<CryptoKey>);
  if (id) cache?.set(id, key);
  return key;
}

/** An EC key as its uncompressed point (RFC 5480 §2.2): read by WebCrypto in two thirds of the time that its JWK takes. */
async function importPoint(crv = '', x = '', y = ''): Promise<CryptoKey> {
  const [left, right] = [base64url.decode(x), base64url.decode(y)];
  const point = new Uint8Array(1 + left.length + right.length);
  point[0] = 4;
  point.set(left, 1);
  point.set(right, 1 + left.length);
  // biome-ignore lint/style/noRestrictedGlobals: no chance in it, a public key is read; jose reads no points
  return crypto.subtle.importKey('raw', point, { name: 'ECDSA', namedCurve: crv }, false, ['verify']) as Promise<CryptoKey>;
}

/** Sign claims as a compact JWS with `typ`, `alg` and `kid` in the header. @param more other members of the header */
export const signJws = (typ: string, claims: object, signer: Signer, more: Readonly<Record<string, unknown>> = {}): Promise<string> =>
  signJwsOf(typ, JSON.stringify(claims), signer, more);

/** The same of claims that are a JSON text already. */
export async function signJwsOf(typ: string, claims: string, signer: Signer, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const input = `${base64url.encode(JSON.stringify({ ...more, typ, alg: signer.alg, kid: signer.kid }))}.${base64url.encode(claims)}`;
  return `${input}.${base64url.encode(await signer.sign(encoder.encode(input)))}`;
}

/** `iat`, `nbf` and `exp` against the clock; skew is allowed on the first two only (§3.2). @throws TypeError without a time */
export function checkTimes(claims: Readonly<Record<string, unknown>>, now: number, skew: number) {
  requireNow(now);
  const { iat, nbf, exp } = claims as { iat?: number; nbf?: number; exp?: number };
  if (exp !== undefined && !(exp > now)) return finding('expired', 'exp', `it expired at ${exp}, ${Math.round(now - exp)} s ago`);
  if (iat !== undefined && !(iat <= now + skew)) return finding('not_yet_valid', 'iat', `it was issued ${Math.round(iat - now)} s in the future`);
  if (nbf !== undefined && !(nbf <= now + skew)) return finding('not_yet_valid', 'nbf', `it is not valid for another ${Math.round(nbf - now)} s`);
  return undefined;
}
