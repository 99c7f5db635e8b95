import { z } from 'zod';
import { MAX_TIME } from './limits.js';

/** Seconds since the epoch, a fraction allowed (NumericDate of RFC 7519 §2): what we read. What we sign are whole seconds. */
export const numericDate = z.number().min(0).max(MAX_TIME);

/** Without a clock nothing would ever expire: a call without one is a mistake of the caller, not a verdict. */
export function requireNow(now: unknown): asserts now is number {
  if (typeof now !== 'number' || !Number.isFinite(now)) throw new TypeError('now: seconds since the epoch are needed');
}
