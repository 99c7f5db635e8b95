import { newId } from '../keys/random.js';
import { leaseOf, takeLease } from '../store/leases.js';
import type { Store } from '../store/store.js';

/** Work that one process of a deployment does at a time. */
export type Work = 'renewal' | 'discovery' | 'impact';

/** Seconds; shorter than the minute between two ticks on Workers, each of which may be another process. */
const HELD_FOR = 45;

/**
 * Whose turn it is. Several processes over one store would sign and fetch everything several times; so whoever finds
 * something to do takes the lease first, and keeps it while it works. A process that ends leaves it to others within its time.
 */
export interface Turns {
  /** True: it is ours to do. Asked when there is something to do, so that a deployment at rest writes nothing. */
  claim(deployment: { readonly store: Store; readonly now: () => number }, work: Work): Promise<boolean>;
}

export function createTurns(holder = newId('prc')): Turns {
  const held = new Map<Work, number>();
  return {
    async claim({ store, now }, work) {
      const at = now();
      const until = held.get(work) ?? 0;
      if (until - at > HELD_FOR / 2 && until - at <= HELD_FOR) return true;
      await store.write([takeLease(work, holder, at, at + HELD_FOR)]);
      const row = await leaseOf(store.db, work);
      if (row?.holder === holder) held.set(work, row.until);
      else held.delete(work);
      return row?.holder === holder;
    },
  };
}
