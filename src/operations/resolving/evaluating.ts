import type { Statement } from '../../store/database.js';
import { asTaken, isOvertaken, keyOf } from '../../store/evaluation-leases.js';
import type { KnownEntity } from '../../store/known-entities.js';
import { AGAIN_AFTER_ERROR, putBack, take } from './take-entities.js';
import type { Deployment } from '../call.js';
import { createHostStanding, type HostStanding } from './host-standing.js';
import { createPlaces, type How, type Line, type Places } from './places.js';

/** What came of an evaluation in which nobody answered, not written yet. */
interface Unwritten {
  readonly known: KnownEntity;
  readonly statements: readonly Statement[];
}

/** So many are written in one commit, and none waits longer for it than this (milliseconds). */
const WRITTEN_TOGETHER = 100;
const WAITS_FOR_OTHERS_MS = 1000;

/** The evaluations that are under way together. */
export interface Evaluating {
  readonly places: Places;
  readonly hosts: HostStanding;
  /** Those under way, in the room of their line, and those whose result is not written yet, in nobody's; by `keyOf`. */
  readonly busy: Map<string, Line | 'unwritten'>;
  readonly running: Set<Promise<void>>;
  readonly errors: unknown[];
  /** Nothing more is read: whoever has not been answered yet never is. */
  stopped: boolean;
  /** Lease one; those that come in the same moment share a commit. */
  lease(deployment: Deployment, known: KnownEntity, how: How): Promise<KnownEntity>;
  /** Write this with what others leave in the next moment. */
  later(one: Unwritten): void;
  /** Write what was left. @param all whether or not it is time */
  write(deployment: Deployment, all: boolean): Promise<void>;
  /** Somebody may be due. */
  wake(): void;
  /** Until somebody wakes it, so long at most (milliseconds). */
  rest(milliseconds: number): Promise<void>;
}

interface Wanted {
  readonly known: KnownEntity;
  done(taken: KnownEntity): void;
  failed(error: unknown): void;
}

export function createEvaluating(): Evaluating {
  const busy: Evaluating['busy'] = new Map();
  const errors: unknown[] = [];
  let unwritten: Unwritten[] = [];
  let since = 0;
  let woken = false;
  let wakeUp: () => void = () => {};
  const wanted: Record<How, Wanted[]> = { together: [], alone: [] };

  async function leaseAll(deployment: Deployment, how: How): Promise<void> {
    await new Promise((done) => setTimeout(done, 0));
    const some = wanted[how].splice(0);
    if (some.length === 0) return;
    try {
      const taken = await take(
        deployment,
        some.map(({ known }) => known),
        how,
      );
      for (const [n, one] of some.entries()) one.done(taken[n] ?? one.known);
    } catch (error) {
      for (const one of some) one.failed(error);
    }
  }

  return {
    places: createPlaces(),
    hosts: createHostStanding(),
    busy,
    running: new Set(),
    errors,
    stopped: false,
    lease: (deployment, known, how) =>
      new Promise((done, failed) => {
        wanted[how].push({ known, done, failed });
        void leaseAll(deployment, how);
      }),
    later(one) {
      if (unwritten.length === 0) since = performance.now();
      unwritten.push(one);
      busy.set(keyOf(one.known), 'unwritten');
    },
    async write(deployment, now) {
      if (unwritten.length === 0 || !(now || unwritten.length >= WRITTEN_TOGETHER || performance.now() - since >= WAITS_FOR_OTHERS_MS)) return;
      const some = unwritten;
      unwritten = [];
      const one = async ({ known, statements }: Unwritten) => {
        await deployment.store.write(statements).catch(async (error: unknown) => {
          if (isOvertaken(error)) return;
          errors.push(error);
          await putBack(deployment, [known], AGAIN_AFTER_ERROR);
        });
      };
      const together = (those: readonly Unwritten[]) => deployment.store.write(those.flatMap(({ statements }) => statements));
      // One that somebody else has taken since keeps the others from being written together: those are, and each of what cannot be by itself.
      await together(some)
        .catch(async () => {
          const left = await asTaken(
            deployment.store.db,
            some.map(({ known }) => known),
          );
          const those = some.filter(({ known }) => left.has(keyOf(known)));
          if (those.length === some.length) throw new Error('none of them is overtaken');
          if (those.length > 0) await together(those);
        })
        .catch(async () => {
          for (const each of some) await one(each).catch((error: unknown) => errors.push(error));
        });
      for (const { known } of some) busy.delete(keyOf(known));
    },
    wake() {
      woken = true;
      wakeUp();
    },
    async rest(milliseconds) {
      if (!woken)
        await new Promise<void>((done) => {
          const timer = setTimeout(done, milliseconds);
          wakeUp = () => {
            clearTimeout(timer);
            done();
          };
        });
      woken = false;
    },
  };
}
