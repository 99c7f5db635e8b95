import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { base64url } from 'jose';

/** A digest of what comes in pieces. */
export interface RunningSha256 {
  update(data: Uint8Array | string): unknown;
  /** Of all that came; asked once. */
  hex(): string;
}

/** SHA-256 of bytes, or of text as UTF-8. */
export interface Sha256 {
  bytes(data: Uint8Array | string): Uint8Array;
  hex(data: Uint8Array | string): string;
  /** Without padding. */
  base64url(data: Uint8Array | string): string;
  running(): RunningSha256;
}

const asBytes = (data: Uint8Array | string): Uint8Array => (typeof data === 'string' ? utf8ToBytes(data) : data);
/** In JavaScript, for wherever there is nothing else: for a kilobyte the thread switch of WebCrypto costs more. */
const computed: Sha256 = {
  bytes: (data) => sha256(asBytes(data)),
  hex: (data) => bytesToHex(sha256(asBytes(data))),
  base64url: (data) => base64url.encode(sha256(asBytes(data))),
  running() {
    const digest = sha256.create();
    return { update: (data) => void digest.update(asBytes(data)), hex: () => bytesToHex(digest.digest()) };
  },
};

let inUse = computed;

/** The one that is in use. */
export const hashed: Sha256 = {
  bytes: (data) => inUse.bytes(data),
  hex: (data) => inUse.hex(data),
  base64url: (data) => inUse.base64url(data),
  running: () => inUse.running(),
};

/** A platform that has it at hand says so when it starts; the digests are the same. */
export function hashWith(own: Sha256): void {
  inUse = own;
}
