/** What serves once, until its end, in the memory of this process. Nothing is forgotten before that: it would serve again. */
export interface Spent {
  has(name: string, now: number): boolean;
  /**
   * @param owner whose it is: what one has used up takes no room from others
   * @param until seconds since the epoch
   * @returns false: it was used before, or there is no room to remember it, so it does not serve
   */
  take(owner: string, name: string, until: number, now: number): boolean;
  giveBack(name: string): void;
}

export interface SpentLimits {
  /** Of one owner: some ten a second for as long as an assertion lives at most. */
  readonly perOwner?: number;
  /** Of all; half as much again is kept for those who have but a few. */
  readonly most?: number;
  readonly few?: number;
}

/** Bounded for each and for all, so that whoever proves its key without end shuts out itself alone. */
export function spentOnce({ perOwner = 10_000, most = 200_000, few = 100 }: SpentLimits = {}): Spent {
  const taken = new Map<string, { readonly owner: string; readonly until: number }>();
  const counts = new Map<string, number>();
  let swept = Number.NEGATIVE_INFINITY;

  function drop(name: string): void {
    const one = taken.get(name);
    if (!one) return;
    taken.delete(name);
    const left = (counts.get(one.owner) ?? 1) - 1;
    if (left > 0) counts.set(one.owner, left);
    else counts.delete(one.owner);
  }
  /** All are looked at once a second at most, however many ask. */
  function sweep(now: number): void {
    if (now === swept) return;
    swept = now;
    for (const [name, { until }] of taken) if (until <= now) drop(name);
  }
  const isFull = (owner: string): boolean => {
    const own = counts.get(owner) ?? 0;
    return own >= perOwner || (taken.size >= most && (own >= few || taken.size >= 1.5 * most));
  };

  return {
    has: (name, now) => (taken.get(name)?.until ?? 0) > now,
    take(owner, name, until, now) {
      if ((taken.get(name)?.until ?? 0) > now) return false;
      drop(name);
      if (isFull(owner)) sweep(now);
      if (isFull(owner)) return false;
      taken.set(name, { owner, until });
      counts.set(owner, (counts.get(owner) ?? 0) + 1);
      return true;
    },
    giveBack: drop,
  };
}
