import type { Deployment } from './call.js';
import { othersTurn } from './others-turn.js';

/** What a lot is to take (milliseconds): whoever comes while one is carried out waits for that. And what, while somebody waits. */
const AIM_MS = 150;
const BESIDE_OTHERS_MS = 50;
/** How much of what a row is taken to cost the last lot says: where it was quicker, and where it was slower, which may have been by chance. */
const QUICKER = 0.5;
const SLOWER = 0.25;
/** Rows of the first lot, of which nobody knows yet what it takes. */
const FIRST = 50;
/** Rows of the smallest while nobody waits: every commit has costs of its own, and on a busy machine all takes longer. */
const LEAST = 100;
/** And while somebody does: a few members are new ones, not many (store/lines.ts). */
const LEAST_BESIDE_OTHERS = 10;
/** A rest after a lot that something else held up is no longer than this (milliseconds). */
const LONGEST_REST_MS = 250;
/** In line behind others a lot waits no longer than this: one of them may wait for somebody who does not answer (milliseconds). */
const LONGEST_LINE_MS = 30_000;

/** Who a long job gives way to, as far as this process sees them. */
type Beside = Pick<Deployment, 'pressed'> & { readonly store: Pick<Deployment['store'], 'readsHere' | 'waiting'> };

interface Clock {
  /** Milliseconds. */
  readonly now: () => number;
  readonly pause: (milliseconds: number) => Promise<void>;
}

export interface LotSettings {
  /** Rows of a lot at most. */
  readonly most: number;
  /** What leaves half of the time to others, whoever they are; else it is left to those that are seen to wait. */
  readonly always?: boolean;
  /** Somebody asked for it, and may ask for many: one lot of all of these is carried out at a time, however many there are. */
  readonly inLine?: boolean;
}
const CLOCK: Clock = { now: () => performance.now(), pause: (milliseconds) => new Promise((done) => setTimeout(done, milliseconds)) };

/** The lot that comes last in line, and its rest, by store. */
const lines = new WeakMap<object, Promise<void>>();

/** Done when all that came before is; whoever comes alone waits for nobody. */
function inLine<T>(of: object, act: () => Promise<T>): Promise<T> {
  const before = lines.get(of);
  const acting = before ? atMost(before, LONGEST_LINE_MS).then(act) : act();
  const last = acting.catch(() => undefined).then(() => void (lines.get(of) === last && lines.delete(of)));
  lines.set(of, last);
  return acting;
}

async function atMost(done: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((over) => {
    timer = setTimeout(over, milliseconds);
  });
  await Promise.race([done, late]);
  clearTimeout(timer);
}

/** The lots of one long job. */
export interface Lots {
  /** Rows that the next one takes at most. */
  size(): number;
  /** Carry one out, of the size that was said; others have their turn before this resolves. */
  carry<T>(lot: () => Promise<T>): Promise<T>;
}

/**
 * A long job that commits in lots gives way. Where this process reads by itself (SQLite), a lot holds the process, and its commit
 * everybody who writes, so lots are sized by what they take; and while somebody waits, or what reads strangers comes late to its
 * turns, they are smaller, and the job rests for as long as its last lot took. Elsewhere a lot waits for another machine most of the time, and is as large
 * as may be: every commit is several requests there.
 */
export function fairLots({ store, pressed }: Beside, { most, always = false, inLine: stands = false }: LotSettings, { now, pause } = CLOCK): Lots {
  const held = store.readsHere === true;
  let size = held ? Math.min(FIRST, most) : most;
  /** What a row costs (milliseconds). */
  let cost: number | undefined;
  const resize = (took: number, { aim, least }: { readonly aim: number; readonly least: number }): void => {
    const last = took / size;
    cost = cost === undefined ? last : cost + (last - cost) * (last < cost ? QUICKER : SLOWER);
    size = Math.max(Math.min(least, most), Math.min(most, size * 4, Math.floor(aim / Math.max(cost, 0.001))));
  };
  const carry = async <T>(lot: () => Promise<T>): Promise<T> => {
    const begun = now();
    const found = await lot();
    const took = now() - begun;
    if (held) await othersTurn();
    const beside = held && (store.waiting?.() || pressed?.());
    if (held) resize(took, beside ? { aim: BESIDE_OTHERS_MS, least: LEAST_BESIDE_OTHERS } : { aim: AIM_MS, least: LEAST });
    if (always) await pause(took);
    else if (beside) await pause(Math.min(took, LONGEST_REST_MS));
    return found;
  };
  return { size: () => size, carry: (lot) => (held && stands ? inLine(store, () => carry(lot)) : carry(lot)) };
}

/**
 * A long job until nothing is left of it.
 * @param more asked before every lot; false stops it
 * @param one carries out a lot of at most so many rows and gives how many they were
 * @returns how many there were together
 */
export async function lotByLot(
  beside: Beside,
  { more, ...settings }: LotSettings & { readonly more: (done: number) => boolean },
  one: (size: number) => Promise<number>,
): Promise<number> {
  const lots = fairLots(beside, settings);
  let done = 0;
  for (let taken = 1; taken > 0 && more(done); done += taken) taken = await lots.carry(() => one(lots.size()));
  return done;
}
