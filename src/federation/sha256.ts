import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { base64url } from 'jose';

/** SHA-256 of bytes, or of text as UTF-8. */
export interface Sha256 {
  bytes(data: Uint8Array | string): Uint8Array;
  hex(data: Uint8Array | string): string;
  /** Without padding. */
  base64url(data: Uint8Array | string): string;
}

const asBytes = (data: Uint8Array | string): Uint8Array => (typeof data === 'string' ? utf8ToBytes(data) : data);
/** In JavaScript, for wherever there is nothing else: for a kilobyte the thread switch of WebCrypto costs more. */
const computed: Sha256 = {
  bytes: (data) => sha256(asBytes(data)),
  hex: (data) => bytesToHex(sha256(asBytes(data))),
  base64url: (data) => base64url.encode(sha256(asBytes(data))),
};

let inUse = computed;

/** The one that is in use. */
export const hashed: Sha256 = {
  bytes: (data) => inUse.bytes(data),
  hex: (data) => inUse.hex(data),
  base64url: (data) => inUse.base64url(data),
};

/** A platform that has it at hand says so when it starts; the digests are the same. */
export function hashWith(own: Sha256): void {
  inUse = own;
}
