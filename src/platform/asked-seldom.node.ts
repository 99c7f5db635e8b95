/** Milliseconds for which an answer goes on by itself. */
const FOR_MS = 50;

/**
 * A clock that takes a while to ask (the uptime is read out of a file, 8 µs) is asked twenty times a second at most, and goes on by
 * `passed` in between. When the time of day went otherwise than that, because the machine slept or somebody set it, it is asked.
 * @param ask seconds
 * @param passed milliseconds of this process
 * @param today the time of day in milliseconds
 */
export function askedSeldom(ask: () => number, passed = () => performance.now(), today = () => Date.now()): () => number {
  let last: { readonly answer: number; readonly passed: number; readonly today: number } | undefined;
  return () => {
    const now = { passed: passed(), today: today() };
    const since = now.passed - (last?.passed ?? 0);
    if (!last || since >= FOR_MS || since < 0 || Math.abs(now.today - last.today - since) >= FOR_MS) {
      last = { answer: ask(), ...now };
      return last.answer;
    }
    return last.answer + since / 1000;
  };
}
