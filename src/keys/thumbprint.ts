import { calculateJwkThumbprint, type JWK } from 'jose';
import { keptTexts } from '../federation/kept-texts.js';
import { hashed } from '../federation/sha256.js';

/** The members that make a key what it is, in the order of RFC 7638 §3.2. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = { EC: ['crv', 'kty', 'x', 'y'], OKP: ['crv', 'kty', 'x'], RSA: ['e', 'kty', 'n'] };

/** One key is named half a dozen times while it is bound. */
const digestOf = keptTexts((text) => hashed.base64url(text));

/**
 * The SHA-256 thumbprint of a key (RFC 7638). Computed here: for so few bytes the thread switch of WebCrypto costs ten times more.
 * @throws what jose does, for anything that is no such key
 */
export async function thumbprintOf(jwk: JWK): Promise<string> {
  const required = Object.hasOwn(REQUIRED, String(jwk.kty)) ? (REQUIRED[String(jwk.kty)] ?? []) : [];
  const values = required.map((name) => (jwk as Readonly<Record<string, unknown>>)[name]);
  if (values.length === 0 || !values.every((value) => typeof value === 'string' && value !== '')) return calculateJwkThumbprint(jwk);
  const text = `{${required.map((name, n) => `"${name}":${JSON.stringify(values[n])}`).join(',')}}`;
  return digestOf(text) as string;
}
