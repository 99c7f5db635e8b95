import { base64url } from 'jose';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const TEXT = /^[A-Za-z0-9_-]+$/;

/**
 * Is this base64url without padding, in its one spelling? Bits that stand for nothing are zero (RFC 4648 §3.5): else one value
 * would have several texts, and what is compared by its text would differ where it is the same.
 */
export function isBase64url(text: unknown): text is string {
  if (typeof text !== 'string' || !TEXT.test(text)) return false;
  const spare = { 0: 0, 2: 0b1111, 3: 0b11 }[text.length % 4];
  return spare !== undefined && (ALPHABET.indexOf(text.at(-1) ?? '') & spare) === 0;
}

/** The bytes of base64url text; undefined when it is none. */
export const bytesOf = (text: unknown): Uint8Array | undefined => (isBase64url(text) ? base64url.decode(text) : undefined);
