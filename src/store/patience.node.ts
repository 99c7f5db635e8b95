import { StoreBusy, storeError } from './trouble.js';

/**
 * A locked database is tried again without blocking the event loop.
 * @param milliseconds how long
 * @throws StoreBusy when it is locked still; whatever else `body` throws, named
 */
export async function patiently<T>(body: () => T, milliseconds: number): Promise<T> {
  const until = performance.now() + milliseconds;
  for (;;) {
    try {
      return body();
    } catch (error) {
      const named = storeError(error);
      if (!(named instanceof StoreBusy) || performance.now() > until) throw named;
      await new Promise((done) => setTimeout(done, 5 + Math.random() * 45));
    }
  }
}
