/**
 * Generic Cell Rate Algorithm: how often somebody may ask. Of each asker one number is kept, the theoretical arrival time (TAT):
 * when all that was asked so far would have been asked at the steady rate. Pure; `rate-limits.ts` does the same in the store.
 */
export interface Rate {
  /** Seconds from one request to the next at the steady rate. */
  readonly interval: number;
  /** So many at once, by somebody who has not asked for long. */
  readonly burst: number;
}

/** How far ahead of now the number may stand for one more to be let in. */
export const toleranceOf = ({ interval, burst }: Rate): number => interval * (burst - 1);

export type Admitted =
  | { readonly allowed: true; readonly tat: number }
  /** `retryAfter`: seconds until one more is let in. */
  | { readonly allowed: false; readonly retryAfter: number };

/** @param tat undefined: nothing is known, which is the same as one that has passed */
export function admit(tat: number | undefined, now: number, rate: Rate): Admitted {
  const from = Math.max(tat ?? now, now);
  const ahead = from - now - toleranceOf(rate);
  return ahead > 0 ? { allowed: false, retryAfter: ahead } : { allowed: true, tat: from + rate.interval };
}
