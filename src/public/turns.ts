/** Let other requests in: SQLite answers synchronously. */
const later: (act: () => void) => void =
  (globalThis as { setImmediate?: (act: () => void) => void }).setImmediate ?? ((act: () => void) => void setTimeout(act, 0));

const waiting: (() => void)[] = [];

function next(): void {
  waiting.shift()?.();
  if (waiting.length > 0) later(next);
}

/**
 * Wait until everybody else had a turn, beside a read that takes nobody's. Nothing is shared here: on Workers a request must not let another
 * one go on.
 */
export const breath = (): Promise<void> => new Promise((go) => later(go));

/** Wait until everybody else had a turn. However many lists are read at once, one piece of one of them is read between two looks at the network. */
export const turn = (): Promise<void> =>
  new Promise((go) => {
    waiting.push(go);
    if (waiting.length === 1) later(next);
  });
