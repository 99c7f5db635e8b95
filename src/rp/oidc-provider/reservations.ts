/** What was used, until its end. */
export interface Reservations {
  has(name: string, now: number): boolean;
  /** Of any number that ask at once one is told yes. @param until seconds since the epoch */
  take(name: string, until: number, now: number): Promise<boolean>;
  giveBack(name: string): void;
}

/** Some hundred a second for as long as a token lives at most. */
const MAX = 100_000;

/** In the memory of this process, and in a store of the server where it has one. */
export function reservations(reserve?: (name: string, until: number) => Promise<boolean>): Reservations {
  const taken = new Map<string, number>();
  return {
    has: (name, now) => (taken.get(name) ?? 0) > now,
    async take(name, until, now) {
      if ((taken.get(name) ?? 0) > now) return false;
      if (taken.size >= MAX) for (const [one, end] of taken) if (end <= now) taken.delete(one);
      if (taken.size >= MAX) return false;
      // Before anything is awaited: whoever comes meanwhile finds it taken.
      taken.set(name, until);
      return (await reserve?.(name, until)) ?? true;
    },
    giveBack: (name) => void taken.delete(name),
  };
}
