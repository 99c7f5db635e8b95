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

/** How long a cut waits for what it can do without (milliseconds): a signature, and a key that is made. */
const PATIENCE_MS = { signature: 1500, key: 3000 };

/**
 * The custody as a cut asks it, which depends on no signature: one that is silent has failed, and what has failed so once is
 * not waited for again, however many signatures the cut would have.
 */
export function hurried(custody: Custody): Custody {
  let silent = false;
  async function soon<T>(ask: () => Promise<T>, patience: number): Promise<T> {
    if (silent) throw new Error('key custody does not answer');
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        silent = true;
        reject(new Error('key custody does not answer'));
      }, patience);
    });
    return Promise.race([ask(), late]).finally(() => clearTimeout(timer));
  }
  return {
    generate: (...key) => soon(() => custody.generate(...key), PATIENCE_MS.key),
    adopt: (...key) => custody.adopt(...key),
    async signer(key: KeptKey): Promise<Signer> {
      const signer = await soon(() => custody.signer(key), PATIENCE_MS.signature);
      return { ...signer, sign: (bytes) => soon(() => signer.sign(bytes), PATIENCE_MS.signature) };
    },
  };
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
