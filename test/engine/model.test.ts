import { afterEach, beforeEach, it, vi } from 'vitest';
import { platform } from '#test-platform';
import { fsck } from '../../src/operations/fsck.js';
import { random } from '../support/model/random.js';
import { Walk } from '../support/model/walk.js';

/**
 * A walk of random verbs over two authorities, two processes on one store and a partner elsewhere, with clocks that jump, a
 * key custody that is away, processes that are killed and copies that are restored; after each step the public plane is
 * asked for everything. Who is not in force is served by nothing, and who is in force is served once nothing is in the way.
 *
 * HOLDFAST_MODEL_SEEDS  how many walks (default 12, on PostgreSQL 2, on Workers 1)
 * HOLDFAST_MODEL_STEPS  steps of each (default 45, on the other engines 12)
 * HOLDFAST_MODEL_SEED   walk this one alone: a failure names it
 */
const setting = (name: string): number | undefined => {
  const text = (globalThis as { process?: { env?: Record<string, string | undefined> } }).process?.env?.[name];
  return text ? Number(text) : undefined;
};
const [SEEDS, STEPS] = [
  setting('HOLDFAST_MODEL_SEEDS') ?? { node: 12, postgres: 2, workers: 1 }[platform],
  setting('HOLDFAST_MODEL_STEPS') ?? (platform === 'node' ? 45 : 12),
];
const only = setting('HOLDFAST_MODEL_SEED');
const seeds = only === undefined ? Array.from({ length: SEEDS }, (_, n) => n + 1) : [only];

beforeEach(() => {
  // What a killed process logs is of no interest; what any other one does is in its answers.
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
});

it.each(seeds)(
  'walk %i: not in force and nothing served are the same',
  async (seed) => {
    const jitter = random(seed ^ 0x5eed);
    vi.spyOn(Math, 'random').mockImplementation(() => jitter.next());
    const walk = await Walk.begin(seed, STEPS);
    try {
      for (let n = 0; n < STEPS; n++) await walk.step(n);
      await walk.settle();
      const damages = await fsck(walk.world.processes[0].deployment);
      if (damages.length) walk.fault(`the store is damaged: ${JSON.stringify(damages)}`);
    } catch (error) {
      const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new Error(`HOLDFAST_MODEL_SEED=${seed} HOLDFAST_MODEL_STEPS=${STEPS}\n${walk.trace.slice(-80).join('\n')}\n\n${walk.facts()}\n\n${told}`);
    }
  },
  60_000 + STEPS * 2000,
);
