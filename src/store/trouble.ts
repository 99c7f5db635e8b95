/** Another writer held the database for longer than we wait. Nothing was written. */
export class StoreBusy extends Error {}
/** The disk, or the database's size limit, is full. Nothing was written. */
export class StoreFull extends Error {}
/** The authority changed again and again while this change was being made. Nothing was written. */
export class ChangeConflict extends Error {}

/** A cut of the same member came first: what waited behind it was asked by somebody who did not know of it. Nothing was written. */
export class Overtaken extends Error {}

/** The database did not answer, so nobody knows whether something was written. */
export class StoreUnreachable extends Error {}
/** The database answers, and refuses this service: it takes a person to mend that, and no patience helps. The message says what. */
export class StoreRefused extends Error {}

/** The database lacks events that were acknowledged: an older copy stands in its place. Nothing was written. */
export class HistoryLost extends Error {}

export type TroubleName = 'busy' | 'full' | 'conflict' | 'unreachable' | 'refused' | 'history_lost';

const CLASSES = {
  busy: StoreBusy,
  full: StoreFull,
  conflict: ChangeConflict,
  unreachable: StoreUnreachable,
  refused: StoreRefused,
  history_lost: HistoryLost,
} as const;

/** By the codes of SQLite; D1 says it in words. */
const WORDS: readonly (readonly [TroubleName, RegExp, RegExp])[] = [
  ['busy', /^SQLITE_(BUSY|LOCKED)/, /^D1_\w*ERROR: .*(is overloaded|database is locked)/i],
  ['full', /^SQLITE_(FULL|IOERR_WRITE)$/, /^D1_\w*ERROR: .*(exceeded maximum DB size|maximum account storage|database or disk is full)/i],
  // Only a database behind a network fails to answer.
  ['unreachable', /^$/, /^D1_\w*ERROR: .*(network connection lost|internal error|object to be reset|was reset|cannot resolve D1|timed? ?out|timeout)/i],
];

/** The store's own trouble in an error, however deep a driver has wrapped it; undefined for everything else. */
export function troubleIn(error: unknown): TroubleName | undefined {
  for (let depth = 0; error instanceof Error && depth < 5; error = error.cause, depth++) {
    const { code, message } = error as Error & { readonly code?: unknown };
    for (const [name, of] of Object.entries(CLASSES)) if (error instanceof of) return name as TroubleName;
    for (const [name, codes, words] of WORDS) if ((typeof code === 'string' && codes.test(code)) || words.test(message)) return name;
  }
  return undefined;
}

/** Codes of SQLite and PostgreSQL (XX001, XX002) for pages that hold no rows any more. */
const DAMAGED = /^(SQLITE_(CORRUPT|NOTADB)(_\w+)?|XX00[12])$|: SQLITE_CORRUPT/;

/** The file is damaged where this had to be read: no trouble that passes, and what lies elsewhere in it can be read and cut. */
export function isDamage(error: unknown): boolean {
  for (let depth = 0; error instanceof Error && depth < 5; error = error.cause, depth++) {
    const { code, message } = error as Error & { readonly code?: unknown };
    if (DAMAGED.test(typeof code === 'string' ? code : message)) return true;
  }
  return false;
}

/** What the store says of it itself, where a driver has wrapped it in words of its own. */
export function saidOf(error: unknown): string {
  for (let one = error, depth = 0; one instanceof Error && depth < 5; one = one.cause, depth++)
    if (Object.values(CLASSES).some((of) => one instanceof of)) return one.message;
  return error instanceof Error ? error.message : String(error);
}

/** An error of that name, for where it comes from another thread. */
export const troubleOf = (name: TroubleName, message: string): Error => new CLASSES[name](message);

/** Name the store's own troubles; everything else passes unchanged. */
export function storeError(error: unknown): unknown {
  const name = troubleIn(error);
  return name === undefined || error instanceof CLASSES[name] ? error : new CLASSES[name](TROUBLES[name].says, { cause: error });
}

const UNCHANGED = 'nothing was changed';
const UNKNOWN = 'it may have been carried out: look, or ask again with the same Idempotency-Key';
/** What each means to whoever asked over HTTP: it passes. Seconds until it is worth asking again; what became of the change that was asked for. */
export const TROUBLES: Readonly<Record<TroubleName, { readonly retryAfter: number; readonly says: string; readonly change: string }>> = {
  busy: { retryAfter: 5, says: 'another process holds the database', change: UNCHANGED },
  full: { retryAfter: 60, says: 'the disk is full', change: UNCHANGED },
  conflict: { retryAfter: 1, says: 'it changed again and again meanwhile', change: UNCHANGED },
  unreachable: {
    retryAfter: 5,
    says: 'the database does not answer',
    change: UNKNOWN,
  },
  refused: {
    retryAfter: 60,
    says: 'the database refuses this service: its log says why',
    change: UNKNOWN,
  },
  history_lost: {
    retryAfter: 30,
    says: 'the database lacks changes that were acknowledged: an older copy stands in its place, or a fail-over lost them. Bring back the newest one; or look at what is missing with holdfast restore status, and confirm it',
    change: UNCHANGED,
  },
};
