import type { CryptoKey } from 'jose';
import { type Custody, type KeptKey, sealedCustody } from './custody.js';

/**
 * The custody as a rehearsal asks it: what it has is asked to sign, so that whatever is away is told, and what it signed is
 * thrown away: nothing that comes of a rehearsal verifies, wherever it is shown. A key that is made or taken over never reaches it.
 * Such a key signs like any other for as long as the rehearsal lasts and is gone with it; nobody keeps what could open it.
 */
export function rehearsingCustody(custody: Custody): Custody {
  const made = new Set<string>();
  let own: Promise<Custody> | undefined;
  const throwaway = () => {
    own ??= crypto.subtle
      .generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
      .then((key) => sealedCustody(key as unknown as CryptoKey));
    return own;
  };
  return {
    async generate(id, alg) {
      made.add(id);
      return (await throwaway()).generate(id, alg);
    },
    async adopt(id, ...secret) {
      made.add(id);
      return (await throwaway()).adopt(id, ...secret);
    },
    async signer(key: KeptKey) {
      if (made.has(key.id)) return (await throwaway()).signer(key);
      const real = await custody.signer(key);
      return { ...real, sign: async (bytes) => new Uint8Array((await real.sign(bytes)).length) };
    },
  };
}
