import { limits } from '../../federation/entry.js';

/** Until when others may hold what they have fetched: it verifies until then, whatever is cut. */
export interface Held {
  /** Null where nothing was handed out that lasts still, or something that has no end. */
  readonly until: number | null;
  /** From now on. */
  readonly seconds: number | null;
  readonly endless: boolean;
}

/** @param times the ends of what was handed out */
export function held(now: number, times: readonly (number | null)[]): Held {
  const until = Math.max(0, ...times.map((time) => time ?? 0));
  if (until >= limits.MAX_TIME) return { until: null, seconds: null, endless: true };
  return until <= now ? { until: null, seconds: 0, endless: false } : { until, seconds: until - now, endless: false };
}
