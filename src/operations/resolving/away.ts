import type { Place } from './places.js';

/** Who has a place and has waited for others for so long gives it up until they have answered (milliseconds). */
const AWAY_AFTER_MS = 100;

/**
 * Who waits for somebody else's answer, a superior's that is not there, holds up nobody: others have the place meanwhile.
 * `came` gives how long it took to have one again (milliseconds).
 */
export function whileOthersAreAsked(place: () => Place | undefined) {
  let under = 0;
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    clearTimeout(timer);
    timer = under > 0 && place() ? setTimeout(() => place()?.goAway(), AWAY_AFTER_MS) : undefined;
  };
  return {
    asks() {
      under++;
      look();
    },
    async came(): Promise<number> {
      under--;
      look();
      const begun = performance.now();
      await place()?.comeBack();
      return performance.now() - begun;
    },
    over: () => clearTimeout(timer),
  };
}
