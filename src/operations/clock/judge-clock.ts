/** Seconds by which clocks may differ: what verifiers commonly allow, and what a step of NTP may take at once. */
export const CLOCK_TOLERANCE_SECONDS = 30;
/** How long a deployment may have been down before a person has to say that so much time has passed. */
export const DOWN_SECONDS = 3 * 24 * 60 * 60;

export interface ClockFacts {
  readonly now: number;
  /** What `now` should be, from the last trusted time of this process and the time that has passed since; undefined: it has none yet. */
  readonly expected: number | undefined;
  /** The highest time that was ever trusted in this store; 0: none. */
  readonly highest: number;
  /** Nobody's trust rests on a development deployment, which is put aside for weeks. */
  readonly development: boolean;
}

export type ClockProblem = 'jumped' | 'behind' | 'ahead';

/** What is wrong with the clock, in seconds by which it seems to be off. Undefined: nothing is known against it. */
export function judgeClock({ now, expected, highest, development }: ClockFacts): { readonly problem: ClockProblem; readonly by: number } | undefined {
  if (expected !== undefined && Math.abs(now - expected) > CLOCK_TOLERANCE_SECONDS) return { problem: 'jumped', by: Math.round(now - expected) };
  if (now < highest - CLOCK_TOLERANCE_SECONDS) return { problem: 'behind', by: now - highest };
  if (expected === undefined && highest > 0 && now > highest + DOWN_SECONDS && !development) return { problem: 'ahead', by: now - highest };
  return undefined;
}
