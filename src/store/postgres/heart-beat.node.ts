import type { Pool } from './pool.node.js';

/** Milliseconds. Every commit is a beat too. */
const EVERY_MS = 1000;

/** Nobody waits for it: what it says is worth nothing once it is old. */
const BEAT = 'UPDATE store_beat SET beat_ms = floor(extract(epoch FROM clock_timestamp()) * 1000)';

/**
 * While this process reaches the primary it writes the time there. Whoever reads a standby sees by it how
 * old is what he reads, also when nothing is committed for hours.
 */
export function heartBeat(writers: Pool): { stop(): Promise<void> } {
  let beating: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const beat = () =>
    writers.alone(async (on) => {
      try {
        await Promise.all([on.query('BEGIN'), on.query('SET LOCAL synchronous_commit = off'), on.query(BEAT), on.query('COMMIT')]);
      } catch (error) {
        on.destroy();
        throw error;
      }
    });
  const next = () => {
    beating = beat()
      // Whoever reads notices.
      .catch(() => undefined)
      .then(() => {
        timer = setTimeout(next, EVERY_MS).unref();
      });
  };
  next();
  return {
    async stop() {
      await beating;
      clearTimeout(timer);
    },
  };
}
