const later: (act: () => void) => void =
  (globalThis as { setImmediate?: (act: () => void) => void }).setImmediate ?? ((act: () => void) => void setTimeout(act, 0));

/** Let whoever asks something in: where this process reads by itself, all that is awaited is there at once, and nobody else has a turn. */
export const othersTurn = (): Promise<void> => new Promise((done) => later(done));
