/** A gate that lets `parallel` through at once; those who wait take turns, however much one of them asks for. */
export interface Turns {
  /**
   * Waits for a turn; call what it gives when done.
   * @param asker who wants it: what one asker wants waits in order, and each asker in line gets one turn a round. None given
   * is an asker by itself.
   */
  take(asker?: object): Promise<() => void>;
  readonly waiting: number;
  /** Whoever comes now has to wait. */
  readonly full: boolean;
}

export function createTurns(parallel: number): Turns {
  /** In the order of their next turns. */
  const line = new Map<object, (() => void)[]>();
  let waiting = 0;
  let running = 0;
  /** The place goes to the next in line, so that nobody slips in between. */
  const release = (): void => {
    for (const [asker, [go, ...more]] of line) {
      line.delete(asker);
      if (more.length) line.set(asker, more);
      waiting--;
      go?.();
      return;
    }
    running--;
  };
  return {
    async take(asker = {}) {
      if (running < parallel) running++;
      else
        await new Promise<void>((resolve) => {
          line.set(asker, [...(line.get(asker) ?? []), resolve]);
          waiting++;
        });
      let released = false;
      return () => {
        if (released) return;
        released = true;
        release();
      };
    },
    get waiting() {
      return waiting;
    },
    get full() {
      return running >= parallel;
    },
  };
}
