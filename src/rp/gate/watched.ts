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

/**
 * Something of the registry that is looked at again and again. While nobody answers, what is known serves until its end; an answer
 * that is not what it has to be refuses at once, since whoever can answer in the registry's place could otherwise keep an old
 * answer alive. Questions are shared: whoever comes while one is under way waits for the next, which is sent after it came.
 */
export function watched<T>({ what, ask, until, ttl = () => undefined, milliseconds, clock }: WatchOptions<T>): Watched<T> {
  let known: { readonly value: T; readonly etag: string | undefined; readonly at: number; readonly confirmed: number } | undefined;
  let last: Exclude<Reply<T>, { readonly kind: 'value' | 'same' }> | undefined;
  let silentSince: number | undefined;
  let failedAt = 0;
  let running: Promise<void> | undefined;
  let following: Promise<void> | undefined;

  const note = (reply: Reply<T>): void => {
    const [at, confirmed] = [clock.milliseconds(), clock.now()];
    last = undefined;
    if (reply.kind === 'value') known = { value: reply.value, etag: reply.etag, at, confirmed };
    else if (reply.kind === 'same' && known) known = { ...known, at, confirmed };
    else {
      last = reply.kind === 'same' ? { kind: 'wrong', findings: [unknown('it says that nothing has changed, and nothing is known')] } : reply;
      failedAt = at;
    }
  };
  const unknown = (detail: string): Finding => finding('status_unknown', what, detail, true);
  const asked = (): Promise<Reply<T>> => ask(known).catch(() => ({ kind: 'wrong' as const, findings: [unknown('what it answers could not be read')] }));
  async function turn(): Promise<void> {
    const patience = known ? milliseconds : Math.max(milliseconds, FIRST_MILLISECONDS);
    const late = Symbol('late');
    let timer: ReturnType<typeof setTimeout> | undefined;
    const reply = await Promise.race([asked(), new Promise<typeof late>((done) => (timer = setTimeout(() => done(late), patience)))]);
    clearTimeout(timer);
    silentSince = reply === late ? clock.milliseconds() : undefined;
    note(reply === late ? { kind: 'unreachable', findings: [unknown(`no answer within ${patience} ms`)] } : reply);
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
    return known !== undefined && at - known.at < 1000 * Math.min(seconds, ttl(known.value) ?? seconds);
  }
  return {
    async get(seconds) {
      if (!isFresh(seconds)) await check();
      if (last?.kind === 'denied') return { state: 'denied', findings: last.findings };
      if (last?.kind === 'wrong') return { state: 'unavailable', findings: last.findings };
      if (known && clock.now() < until(known.value, known.confirmed)) return { state: 'known', value: known.value };
      return { state: 'unavailable', findings: last?.findings ?? [unknown('what is known of it has ended')] };
    },
  };
}
