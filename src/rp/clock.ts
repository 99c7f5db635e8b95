/** What time it is: since the epoch for what is signed, and forwards only for how long ago something was. */
export interface Clock {
  /** Seconds since the epoch. */
  now(): number;
  milliseconds(): number;
}

export const systemClock: Clock = { now: () => Math.floor(Date.now() / 1000), milliseconds: () => performance.now() };
