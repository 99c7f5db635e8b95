import type { Custody, KeptKey } from '../../keys/custody.js';
import type { Signer } from '../../federation/entry.js';

/**
 * Key custody failed, or did not open a key: nothing is wrong with what was asked, and nothing was changed. It is no refusal:
 * the background tells of it, and what it could not sign is due again.
 */
export class CustodyAway extends Error {}

/** What whoever asked is told; the log says why. */
export const CUSTODY_AWAY = 'key custody does not give the key that is needed, so nothing can be signed; nothing was changed. The log says why';

async function asked<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw new CustodyAway(`key custody: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** The custody with its failures named. @throws CustodyAway */
export const fromCustody = (custody: Custody): Custody => ({
  generate: (...key) => asked(() => custody.generate(...key)),
  adopt: (...key) => asked(() => custody.adopt(...key)),
  async signer(key: KeptKey): Promise<Signer> {
    const signer = await asked(() => custody.signer(key));
    return { ...signer, sign: (bytes) => asked(() => signer.sign(bytes)) };
  },
});
