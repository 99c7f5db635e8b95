import { z } from 'zod';
import { MAX_TIME } from './limits.js';

/** Seconds since the epoch as RFC 7519 §2 has them: a fraction is legal. What we sign ourselves has none. */
export const numericDate = z.number().min(0).max(MAX_TIME);

/** @throws TypeError without a time: left out, every comparison with it would be false, and nothing would ever have expired */
export function requireNow(now: unknown): asserts now is number {
  if (typeof now !== 'number' || !Number.isFinite(now)) throw new TypeError('now: seconds since the epoch are needed');
}
