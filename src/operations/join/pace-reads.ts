import type { Deployment } from '../call.js';
import { TooMany } from './pace.js';
import { admit, type Rate } from '../../store/gcra.js';

/**
 * Reads from one address: three hundred at once, then two a second. What is read has a secret, so guessing is all that a stranger can do
 * with many. Kept in memory, by process: to write with each read would cost more than the read.
 */
const READS: Rate = { interval: 0.5, burst: 300 };
const MAX_ADDRESSES = 10_000;

const known = new WeakMap<object, Map<string, number>>();

/** @param address undefined: nobody knows, and all of those share @throws TooMany */
export function paceRead({ store, now }: Pick<Deployment, 'store' | 'now'>, address = 'unknown'): void {
  const addresses = known.get(store) ?? new Map<string, number>();
  known.set(store, addresses);
  const at = now();
  const admitted = admit(addresses.get(address), at, READS);
  if (!admitted.allowed) throw new TooMany(Math.ceil(admitted.retryAfter));
  addresses.delete(address);
  addresses.set(address, admitted.tat);
  // Those that have passed say nothing; of more than that who asked last longest ago is forgotten.
  if (addresses.size > MAX_ADDRESSES) for (const [one, tat] of addresses) if (tat <= at) addresses.delete(one);
  for (const oldest of addresses.keys()) {
    if (addresses.size <= MAX_ADDRESSES) break;
    addresses.delete(oldest);
  }
}
