/** Where a line of the log goes, with its fields first. */
export type Say = (fields: object, text: string) => void;

/**
 * One kind of work in turns; a turn that fails is logged and the next one tries again.
 * @param every milliseconds between two turns; `first`: before the first one
 */
export function inTurns(
  log: { readonly info: Say; readonly error: Say },
  what: string,
  every: number,
  turn: (more: () => boolean) => Promise<object | undefined>,
  first = every,
) {
  let stopping = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const run = async () => {
    try {
      const done = await turn(() => !stopping);
      if (done) log.info(done, what);
    } catch (error) {
      log.error({ error: error instanceof Error ? error.message : String(error) }, `${what} failed; it is tried again`);
    }
    if (!stopping) schedule();
  };
  const schedule = (wait = every) => {
    timer = setTimeout(() => {
      running = run();
    }, wait);
  };
  schedule(first);
  return {
    async stop() {
      stopping = true;
      clearTimeout(timer);
      await running;
    },
  };
}
