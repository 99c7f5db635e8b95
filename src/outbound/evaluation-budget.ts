import { type Finding, finding, type Result } from '../federation/entry.js';
import { createTurns } from './turns.js';

/**
 * What one evaluation may cost, the walks to the issuers of its subject's marks included: a stranger decides how wide and
 * deep the graph above an entity is (OpenID Federation 1.0 §18.1).
 */
export const MAX_FETCHES = 200;
/** Decoded bytes. */
export const MAX_BYTES = 4 * 1024 * 1024;
export const MAX_MILLISECONDS = 15_000;
/** Paths that are taken further, whether or not anything is fetched for them. */
export const MAX_PATHS = 1000;
/** Candidate chains that are validated. */
export const MAX_CHAINS = 64;
/** Exchanges with the world at the same time, one for each superior that is looked at. */
export const MAX_PARALLEL = 16;
/** What has been collected when the time is over is still validated, for this long (milliseconds). */
const GRACE = 5000;
/** Work goes on for this long without letting others have the event loop (milliseconds). */
const BREATH = 8;

export interface BudgetLimits {
  readonly fetches?: number;
  readonly bytes?: number;
  readonly milliseconds?: number;
  readonly paths?: number;
  readonly chains?: number;
  readonly parallel?: number;
}

/** What is left of an evaluation's means. Whoever works for the evaluation takes from the same one. */
export interface Budget {
  /** Fetches that are left. */
  readonly fetches: number;
  /** One exchange: waits for its turn, counts the fetch and what came of it. A finding when something has run out. */
  exchange<T>(where: string, sizeOf: (value: T) => number, go: () => Promise<Result<T>>): Promise<Result<T>>;
  /**
   * Take one unit of work that needs no exchange. There are no more paths once an exchange was refused: nothing new would
   * come of them.
   * @returns what has run out, or nothing
   */
  take(what: 'paths' | 'chains'): Promise<Finding | undefined>;
  /** Do the reading of what a stranger sent: one piece at a time, with the event loop free in between. */
  read<T>(work: () => T | Promise<T>): Promise<T>;
}

/** @param milliseconds a clock that only goes forward */
export function createBudget(milliseconds: () => number = () => performance.now(), limits: BudgetLimits = {}): Budget {
  const max = {
    fetches: limits.fetches ?? MAX_FETCHES,
    bytes: limits.bytes ?? MAX_BYTES,
    milliseconds: limits.milliseconds ?? MAX_MILLISECONDS,
    paths: limits.paths ?? MAX_PATHS,
    chains: limits.chains ?? MAX_CHAINS,
  };
  const used = { fetches: 0, bytes: 0, paths: 0, chains: 0 };
  const turns = createTurns(limits.parallel ?? MAX_PARALLEL);
  const end = milliseconds() + max.milliseconds;
  let breathed = milliseconds();
  /** When it is time, let everything that waits for the event loop have its turn: promises alone never let go of it. */
  const breathe = async (): Promise<void> => {
    if (milliseconds() - breathed < BREATH) return;
    await new Promise((done) => setTimeout(done, 0));
    breathed = milliseconds();
  };
  let ranOut: Finding | undefined;
  let readers: Promise<void> = Promise.resolve();
  // Running out of time may pass; running out of anything else is a verdict on the graph.
  const late = (where: string, grace = 0): Finding | undefined =>
    milliseconds() >= end + grace ? finding('budget_exceeded', where, `the evaluation has taken ${max.milliseconds / 1000} s`, true) : undefined;
  const spent = (where: string, what: keyof typeof used): Finding | undefined =>
    used[what] >= max[what] ? finding('budget_exceeded', where, `the evaluation has used up its ${max[what]} ${WORDS[what]}`) : undefined;

  return {
    get fetches() {
      return max.fetches - used.fetches;
    },
    async exchange(where, sizeOf, go) {
      const done = await turns.take();
      try {
        const out = late(where) ?? spent(where, 'bytes') ?? spent(where, 'fetches');
        if (out) {
          ranOut ??= out;
          return { ok: false, findings: [out] };
        }
        used.fetches++;
        const result = await go();
        if (result.ok) used.bytes += sizeOf(result.value);
        return result;
      } finally {
        done();
      }
    },
    async take(what) {
      await breathe();
      const out = what === 'paths' ? (ranOut ?? late('walk')) : late('walk', GRACE);
      if (out) return out;
      const none = spent('walk', what);
      used[what]++;
      return none;
    },
    read(work) {
      // What the work goes on with after its first step (signatures) runs beside the next piece.
      const begun = readers.then(breathe).then(() => ({ value: work() }));
      readers = begun.then(
        () => undefined,
        () => undefined,
      );
      return begun.then(({ value }) => value);
    },
  };
}

/** The same budget; somebody is told before each exchange, and looks at it before anybody reads what came. */
export const watchedBudget = (budget: Budget, asks: () => void, came: () => Promise<void>): Budget => ({
  get fetches() {
    return budget.fetches;
  },
  exchange: (where, sizeOf, go) =>
    budget.exchange(where, sizeOf, async () => {
      asks();
      try {
        return await go();
      } finally {
        await came();
      }
    }),
  take: (what) => budget.take(what),
  read: (work) => budget.read(work),
});

const WORDS = { fetches: 'fetches', bytes: 'bytes', paths: 'paths upwards', chains: 'candidate chains' } as const;
