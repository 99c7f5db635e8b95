import { limits } from '../../federation/entry.js';
import type { Clock } from '../../store/clock.js';
import type { Store } from '../../store/store.js';
import { raiseTime, type TimeRecord, timeRecord } from '../../store/trusted-time.js';
import { Refusal } from '../refusal.js';
import { type ClockProblem, judgeClock } from './judge-clock.js';

/** Seconds after which signing moves the trusted time of the store on; a deployment that signs nothing does so once an hour. */
const RAISED_WHEN_SIGNING = 60;
const RAISED_WHEN_IDLE = 60 * 60;

export interface ClockState {
  readonly trusted: boolean;
  readonly now: number;
  /** The highest time trusted so far; 0: none. */
  readonly highest: number;
  readonly problem: ClockProblem | null;
  /** Seconds by which the clock seems to be off: positive when ahead. */
  readonly by: number;
}

/**
 * A clock that is believed only while nothing speaks against it. A wrong one signs what nobody can verify, brings back what
 * had ended and forgets what was to be remembered; so nothing is signed with it.
 */
export interface TrustedClock extends Clock {
  /** Look at it. A good outcome is kept until the second is over. */
  state(store: Store): Promise<ClockState>;
  /** Note in the store that its time was trusted, when that is due. */
  note(store: Store, options: { readonly signing: boolean }): Promise<void>;
}

async function readTime({ db }: Store): Promise<TimeRecord> {
  const found = await timeRecord(db);
  if (found === undefined) return { highest: 0, confirmed: '' };
  try {
    return JSON.parse(found) as TimeRecord;
  } catch {
    // Nobody knows any more until when was signed: somebody has to say that the clock is right.
    return { highest: limits.MAX_TIME, confirmed: '' };
  }
}

/** @param development see `ClockFacts` */
export function trustedClock(clock: Clock, { development }: { readonly development: boolean }): TrustedClock {
  /** `now` less `elapsed` when the clock was trusted last; undefined: it was not yet. */
  let origin: number | undefined;
  let confirmed: string | undefined;
  /** `elapsed` when it was looked at last. */
  let lookedAt = 0;
  let good: { readonly elapsed: number; readonly state: ClockState } | undefined;

  async function look(store: Store): Promise<ClockState> {
    const record = await readTime(store);
    const now = clock.now();
    const elapsed = clock.elapsed();
    // Somebody said that the clock is right: what this process expected counts no more. It may have been the clock of another
    // process: since then no more time has passed than since this one looked last.
    if (confirmed !== undefined && confirmed !== record.confirmed) {
      const latest = record.highest + elapsed - lookedAt;
      origin = now > latest ? latest - elapsed : undefined;
    }
    confirmed = record.confirmed;
    lookedAt = elapsed;
    const found = judgeClock({ now, expected: origin === undefined ? undefined : origin + elapsed, highest: record.highest, development });
    // Within tolerance it is followed: clocks are slewed all the time.
    if (!found) origin = now - elapsed;
    const state: ClockState = { trusted: !found, now, highest: record.highest, problem: found?.problem ?? null, by: found?.by ?? 0 };
    good = found ? undefined : { elapsed, state };
    return state;
  }

  const state = async (store: Store): Promise<ClockState> =>
    good && good.state.now === clock.now() && clock.elapsed() - good.elapsed < 1 ? good.state : look(store);

  return {
    ...clock,
    state,
    async note(store, { signing }) {
      const { trusted, now, highest } = await state(store);
      if (!trusted || now < highest + (signing ? RAISED_WHEN_SIGNING : RAISED_WHEN_IDLE)) return;
      await store.write([raiseTime({ highest: now, confirmed: confirmed ?? '' })]);
      good = undefined;
    },
  };
}

/** What a person is told about a clock that is not trusted; undefined: it is. */
export function clockWords({ problem, by }: ClockState): string | undefined {
  if (problem === null) return undefined;
  const seconds = `${Math.abs(by)} s`;
  const says = {
    jumped: `it jumped ${seconds} ${by < 0 ? 'back' : 'ahead'} while the process was running`,
    behind: `it is ${seconds} behind the time this deployment has signed at before`,
    ahead: `it is ${seconds} ahead of the last time this deployment knew`,
  }[problem];
  return `the clock is not trusted: ${says}. Nothing is signed with it. Set the clock right; when it is right, say so: holdfast clock confirm`;
}

/**
 * What every signing, and every turn of work, begins with.
 * @throws Refusal temporarily_unavailable while the clock is not trusted
 */
export async function expectTrustedClock(
  { clock, store }: { readonly clock: TrustedClock; readonly store: Store },
  { signing }: { readonly signing: boolean } = { signing: true },
): Promise<void> {
  const words = clockWords(await clock.state(store));
  if (words !== undefined) throw new Refusal('temporarily_unavailable', words);
  await clock.note(store, { signing });
}
