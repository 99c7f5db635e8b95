import { hashed } from '../federation/sha256.js';

/** A strong entity tag: the SHA-256 of the very bytes. */
export const etagOf = (body: string | Uint8Array): string => `"${hashed.base64url(body)}"`;
