/** How long an act waits for all that it can do without, together (milliseconds). */
const PATIENCE_MS = 1500;

/** Waits for something while patience lasts: undefined when it fails, is late, or nothing is left to wait with. */
export type Patience = <T>(doing: Promise<T>) => Promise<T | undefined>;

/** The patience of one act, however often it decides: what it has waited in vain is not waited again. */
export function patienceOf(ms = PATIENCE_MS): Patience {
  let left = ms;
  return async <T>(doing: Promise<T>) => {
    const done = doing.catch(() => undefined);
    if (left <= 0) return undefined;
    const since = performance.now();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<undefined>((give) => {
      timer = setTimeout(() => give(undefined), left);
    });
    return Promise.race([done, late]).finally(() => {
      clearTimeout(timer);
      left -= performance.now() - since;
    });
  };
}
