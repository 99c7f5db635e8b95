/** A gate that lets `parallel` through at once; the others wait in order. */
export interface Turns {
  /** Waits for a turn; call what it gives when done. */
  take(): Promise<() => void>;
  readonly waiting: number;
}

export function createTurns(parallel: number): Turns {
  const queue: (() => void)[] = [];
  let running = 0;
  /** The place goes to the next in line, so that nobody slips in between. */
  const release = () => {
    const next = queue.shift();
    if (next) next();
    else running--;
  };
  return {
    async take() {
      if (running < parallel) running++;
      else await new Promise<void>((resolve) => queue.push(resolve));
      let released = false;
      return () => {
        if (released) return;
        released = true;
        release();
      };
    },
    get waiting() {
      return queue.length;
    },
  };
}
