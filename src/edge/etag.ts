import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { base64url } from 'jose';

/** A strong entity tag: the SHA-256 of the very bytes. */
export const etagOf = (body: string | Uint8Array): string => `"${base64url.encode(sha256(typeof body === 'string' ? utf8ToBytes(body) : body))}"`;
