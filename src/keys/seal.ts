import type { CryptoKey } from 'jose';

const toBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));
const fromBase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
const utf8 = (text: string) => new TextEncoder().encode(text);

/**
 * The key that seals all private keys.
 * @param base64 32 bytes (HOLDFAST_SEAL_KEY)
 * @throws Error when it is not 32 bytes of base64; the message does not repeat it
 */
export async function importSealKey(base64: string): Promise<CryptoKey> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = fromBase64(base64);
  } catch {
    throw new Error('the seal key is not base64');
  }
  if (bytes.length !== 32) throw new Error(`the seal key has ${bytes.length} bytes, not 32`);
  return (await crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])) as CryptoKey;
}

/** AES-256-GCM: iv ‖ ciphertext. `label` is bound in: a box copied to another row does not open. */
export async function seal(sealKey: CryptoKey, label: string, clear: string): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const box = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: utf8(label) }, sealKey as never, utf8(clear));
  return toBase64(new Uint8Array([...iv, ...new Uint8Array(box)]));
}

/** @throws Error when the box was made with another key or for another label */
export async function unseal(sealKey: CryptoKey, label: string, sealed: string): Promise<string> {
  const box = fromBase64(sealed);
  const clear = await crypto.subtle
    .decrypt({ name: 'AES-GCM', iv: box.subarray(0, 12), additionalData: utf8(label) }, sealKey as never, box.subarray(12))
    .catch(() => {
      throw new Error(`the sealed key ${label} does not open: another HOLDFAST_SEAL_KEY sealed it, or it was changed`);
    });
  return new TextDecoder().decode(clear);
}
