import { spentOnce } from '../spent.js';

/** What was used, until its end. */
export interface Reservations {
  has(name: string, now: number): boolean;
  /** Of any number that ask at once one is told yes. @param owner whose it is @param until seconds since the epoch */
  take(owner: string, name: string, until: number, now: number): Promise<boolean>;
  giveBack(name: string): void;
}

/** In the memory of this process, and in a store of the server where it has one. */
export function reservations(reserve?: (name: string, until: number) => Promise<boolean>): Reservations {
  const taken = spentOnce();
  return {
    has: taken.has,
    // Before anything is awaited: whoever comes meanwhile finds it taken.
    take: async (owner, name, until, now) => taken.take(owner, name, until, now) && ((await reserve?.(name, until)) ?? true),
    giveBack: taken.giveBack,
  };
}
