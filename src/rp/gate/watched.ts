import { type Finding, finding } from '../../federation/entry.js';
import type { Clock } from '../clock.js';

/** What came of a question to the registry. */
export type Reply<T> =
  | { readonly kind: 'value'; readonly value: T; readonly etag: string | undefined }
  /** What was known still stands. */
  | { readonly kind: 'same' }
  /** Nobody answered: no connection, no answer in time. */
  | { readonly kind: 'unreachable'; readonly findings: readonly Finding[] }
  /** Somebody answered, but not what it has to be. */
  | { readonly kind: 'wrong'; readonly findings: readonly Finding[] }
  /** A clear no. */
  | { readonly kind: 'denied'; readonly findings: readonly Finding[] };

export type Known<T> =
  | { readonly state: 'known'; readonly value: T }
  | { readonly state: 'denied'; readonly findings: readonly Finding[] }
  | { readonly state: 'unavailable'; readonly findings: readonly Finding[] };

export interface WatchOptions<T> {
  /** What is asked about, for findings. */
  readonly what: string;
  ask(known: { readonly value: T; readonly etag: string | undefined } | undefined): Promise<Reply<T>>;
  /** Until when a value serves while nobody answers (seconds since the epoch). */
  until(value: T, confirmed: number): number;
  /** For how long the value itself lets it be kept without asking (seconds). */
  ttl?(value: T): number | undefined;
  /** An answer that passes by itself in a moment: it is asked again while the request waits. */
  passes?(reply: Reply<T>): boolean;
  /** How long a request waits once something is known (milliseconds). */
  readonly milliseconds: number;
  readonly clock: Clock;
}

export interface Watched<T> {
  /** @param seconds how long ago it may have been asked; 0: asked after this call */
  get(seconds: number): Promise<Known<T>>;
}

/** The first answer may take longer: names are looked up and connections made. */
const FIRST_MILLISECONDS = 3000;
/** Whoever does not answer is not asked again for so long (milliseconds), so that questions do not pile up. */
const PAUSE_MILLISECONDS = 1000;
/** Before what passes is asked again (milliseconds). */
const MOMENTS = [50, 100, 200, 400, 800];

/**
 * Something of the registry that is looked at again and again. While nobody answers, what is known serves until its end; an answer
 * that is not what it has to be refuses at once, since whoever can answer in the registry's place could otherwise keep an old
 * answer alive, and goes on refusing while nobody answers after it: silence takes no answer back. Questions are shared: whoever
 * comes while one is under way waits for the next, which is sent after it came. An answer that comes late counts from then on.
 */
export function watched<T>({ what, ask, until, ttl = () => undefined, passes = () => false, milliseconds, clock }: WatchOptions<T>): Watched<T> {
  let known: { readonly value: T; readonly etag: string | undefined; readonly at: number; readonly confirmed: number } | undefined;
  let last: Exclude<Reply<T>, { readonly kind: 'value' | 'same' }> | undefined;
  let silentSince: number | undefined;
  let failedAt = 0;
  /** Questions are numbered: of which one the answer is known. */
  let asking = 0;
  let answered = 0;
  let running: Promise<void> | undefined;
  let following: Promise<void> | undefined;

  const note = (reply: Reply<T>, at = clock.milliseconds()): void => {
    const confirmed = clock.now();
    if (reply.kind === 'value') known = { value: reply.value, etag: reply.etag, at, confirmed };
    else if (reply.kind === 'same' && known) known = { ...known, at, confirmed };
    else {
      failedAt = at;
      const said = reply.kind === 'same' ? { kind: 'wrong' as const, findings: [unknown('it says that nothing has changed, and nothing is known')] } : reply;
      if (said.kind !== 'unreachable' || last === undefined || last.kind === 'unreachable') last = said;
      return;
    }
    last = undefined;
  };
  const unknown = (detail: string): Finding => finding('status_unknown', what, detail, true);
  const asked = (): Promise<Reply<T>> => ask(known).catch(() => ({ kind: 'wrong' as const, findings: [unknown('what it answers could not be read')] }));
  /** By both clocks: one that is set back lengthens nothing. */
  const holds = (): boolean => {
    if (!known) return false;
    const end = until(known.value, known.confirmed);
    return clock.now() < end && clock.milliseconds() - known.at < 1000 * (end - known.confirmed);
  };
  async function turn(): Promise<void> {
    const n = ++asking;
    const since = clock.milliseconds();
    // Where there is nothing to serve meanwhile, waiting is all there is.
    const patience = holds() ? milliseconds : Math.max(milliseconds, FIRST_MILLISECONDS);
    const late = Symbol('late');
    let timer: ReturnType<typeof setTimeout> | undefined;
    /** What was answered meanwhile: who says "not now" is not silent, however late he says more. */
    let said: Reply<T> | undefined;
    const answer = (async () => {
      let reply = await asked();
      for (const moment of MOMENTS) {
        if (!passes(reply)) break;
        said = reply;
        await new Promise((done) => setTimeout(done, moment));
        reply = await asked();
      }
      return reply;
    })();
    const reply = await Promise.race([answer, new Promise<typeof late>((done) => (timer = setTimeout(() => done(late), patience)))]);
    clearTimeout(timer);
    if (reply === late) {
      silentSince = said ? undefined : clock.milliseconds();
      note(said ?? { kind: 'unreachable', findings: [unknown(`no answer within ${patience} ms`)] });
      void answer.then((after) => {
        if (n < answered || after.kind === 'unreachable') return;
        answered = n;
        note(after, since);
      });
      return;
    }
    silentSince = undefined;
    answered = n;
    note(reply);
  }
  function check(): Promise<void> {
    if (!running) {
      running = turn().finally(() => {
        running = undefined;
      });
      return running;
    }
    following ??= running.then(() => {
      following = undefined;
      return check();
    });
    return following;
  }
  function isFresh(seconds: number): boolean {
    const at = clock.milliseconds();
    if (silentSince !== undefined && at - silentSince < PAUSE_MILLISECONDS) return true;
    if (last) return seconds > 0 && at - failedAt < PAUSE_MILLISECONDS;
    return known !== undefined && holds() && at - known.at < 1000 * Math.min(seconds, ttl(known.value) ?? seconds);
  }
  return {
    async get(seconds) {
      if (!isFresh(seconds)) await check();
      if (last?.kind === 'denied') return { state: 'denied', findings: last.findings };
      if (last?.kind === 'wrong') return { state: 'unavailable', findings: last.findings };
      if (known && holds()) return { state: 'known', value: known.value };
      return { state: 'unavailable', findings: last?.findings ?? [unknown('what is known of it has ended')] };
    },
  };
}
