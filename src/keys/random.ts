import { base64url } from 'jose';
import { hashed } from '../federation/sha256.js';

const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';

/** An id: kind, `_`, 26 Crockford base32 characters of 128 random bits. */
export const newId = (kind: string): string => idOf(kind, crypto.getRandomValues(new Uint8Array(16)));

/**
 * An id of what stands in many indexes by it: 48 bits of time (milliseconds), then 80 of chance. Those that are made one after the
 * other are written next to each other, which halves what a commit writes.
 */
export function newIdInTime(kind: string, at = Date.now()): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let n = 5, left = at; n >= 0; n--, left = Math.floor(left / 256)) bytes[n] = left % 256;
  return idOf(kind, bytes);
}

/** The id that a secret text makes: whoever sends it again means the same thing. */
export const idFrom = (kind: string, secret: string): string => idOf(kind, hashed.bytes(secret).slice(0, 16));

function idOf(kind: string, bytes: Uint8Array): string {
  let bits = 0n;
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
  let text = '';
  for (let n = 0; n < 26; n++, bits >>= 5n) text = CROCKFORD[Number(bits & 31n)] + text;
  return `${kind}_${text}`;
}

/** An API key: recognizable prefix, 8 characters that may be shown, 256 secret bits. */
export function newApiKey(): { readonly token: string; readonly prefix: string } {
  const prefix = newId('hf').slice(0, 11);
  return { prefix, token: `${prefix}_${base64url.encode(crypto.getRandomValues(new Uint8Array(32)))}` };
}

/**
 * What stands for a token where nobody is to see it: its public prefix and its SHA-256. Who has a token can make it, who has this
 * cannot make the token.
 */
export const tokenDigest = async ({ token, prefix }: { readonly token: string; readonly prefix: string }): Promise<string> =>
  `${prefix}.${await sha256(token)}`;
export const TOKEN_DIGEST = /^hf_[0-9a-hjkmnp-tv-z]{8}\.[\w-]{43}$/;

/** SHA-256 of text, base64url without padding. */
export const sha256 = async (text: string): Promise<string> => hashed.base64url(text);

/** 32 random bytes as base64: what HOLDFAST_SEAL_KEY wants. */
export const newSealKey = (): string => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))));

/** What somebody is asked to sign: 256 bits of chance, base64url. */
export const newNonce = (): string => base64url.encode(crypto.getRandomValues(new Uint8Array(32)));

/** Whole numbers below `most` by chance; each is as likely as any other but for a part in 2^32 / `most`. */
export const drawNumbers = (count: number, most: number): readonly number[] =>
  Array.from(crypto.getRandomValues(new Uint32Array(count)), (word) => word % most);
