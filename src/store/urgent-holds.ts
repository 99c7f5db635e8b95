/**
 * A cut of several chains decides on the heads of all of them, so whoever writes to one of them faster than it decides makes it
 * lose. Once it has lost it holds those chains: their queues in this process begin nothing new until it has committed, and the
 * turns (chain-turns.ts) ask other processes for the same. What was begun before ends first, so it loses once more at most.
 *
 * Nothing can wait for ever: a hold is a courtesy and has a bound, the heads stay the guard. Whoever holds waits for no queue,
 * and what is itself a cut waits only a moment, so two of them are never in each other's way for longer.
 */
export interface UrgentHolds {
  /** @returns gives it back; again: nothing */
  hold(authorityId: string): () => void;
  has(authorityId: string): boolean;
  /** Until nobody holds it, or the bound. `hurried` is asked while waiting. */
  free(authorityId: string, hurried: () => boolean): Promise<void>;
}

/** Milliseconds: between two looks, and for how long others, and other cuts, give way. */
const LOOK_MS = 4;
const OTHERS_MS = 5000;
const CUTS_MS = 100;

export function urgentHolds(): UrgentHolds {
  const held = new Map<string, number>();
  return {
    has: (authorityId) => held.has(authorityId),
    hold(authorityId) {
      held.set(authorityId, (held.get(authorityId) ?? 0) + 1);
      let ours = true;
      return () => {
        if (!ours) return;
        ours = false;
        const left = (held.get(authorityId) ?? 1) - 1;
        if (left > 0) held.set(authorityId, left);
        else held.delete(authorityId);
      };
    },
    async free(authorityId, hurried) {
      const began = performance.now();
      while (held.has(authorityId) && performance.now() - began < (hurried() ? CUTS_MS : OTHERS_MS)) await new Promise((done) => setTimeout(done, LOOK_MS));
    },
  };
}
