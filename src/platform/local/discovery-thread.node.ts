import { Worker } from 'node:worker_threads';
import type { Explorer } from '../../operations/explorer.js';
import { Refusal } from '../../operations/refusal.js';
import type { Ground } from '../deployment.node.js';
import type { Say } from './in-turns.node.js';
import { BEAT_EVERY_MS, BEATS, type FromThread, LATE, type Start, type ToThread, unpack } from './thread-messages.node.js';

export interface ThreadLimits {
  readonly script?: URL;
  /** A thread whose event loop does not turn for so long hangs and is ended (milliseconds). */
  readonly silence?: number;
  /** How long a question may take (milliseconds). */
  readonly patience?: number;
  /** Questions waiting for their answers at once. */
  readonly waiting?: number;
  /** Its old space (MiB): what takes more ends the thread, not the service. */
  readonly heap?: number;
  /** How long a step in progress may take to finish when everything stops (milliseconds). */
  readonly grace?: number;
}
const LIMITS = { silence: 10_000, patience: 60_000, waiting: 64, heap: 512, grace: 10_000 };
/** Loading the code and opening the database, before its event loop turns for the first time (milliseconds). */
const STARTING = 30_000;
/** A thread that ended sooner ended quickly; after several of those the next one discovers later and later (milliseconds). */
const QUICK = 60_000;
const LATEST = 60_000;
/** What is written in the same moment wakes it once (milliseconds). */
const WAKES_AFTER = 20;
/** It comes late to its turns by so much (milliseconds): something else has the processor, or the writer. */
const LATE_MS = 20;
/** Looks at the beat within the silence allowed: each counts once, so that a process that was stopped blames nobody. */
const LOOKS = 10;

export interface DiscoveryThread {
  /** The thread starts with the first question, if not before. */
  readonly explorer: Explorer;
  readonly counts: { restarts: number; setAside: number };
  /** Begin to discover, when discovery is on. */
  start(): void;
  /** Something was written here: somebody may be new. */
  wake(): void;
  /** Does it come late to its turns? Whoever works for long beside it lets it (operations/fair-lots.ts). */
  behind(): boolean;
  /** Finish the step in progress, within the grace. */
  stop(): Promise<void>;
}

export interface ThreadOptions extends ThreadLimits {
  readonly ground: Ground;
  readonly discovery: boolean;
  readonly log: { readonly info: Say; readonly warn: Say; readonly error: Say };
}

interface Waiting {
  resolve(answer: never): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout;
}

interface Life {
  readonly worker: Worker;
  readonly since: number;
  readonly exited: Promise<void>;
  readonly beat: Int32Array;
  /** Why it was ended, when it was. */
  why: string | undefined;
}

const unavailable = (why: string) => new Refusal('temporarily_unavailable', `${why}; nothing was changed, try again`);

/**
 * The thread in which everything that reads strangers runs, as its parent sees it: started, asked, watched, started again
 * when it hangs or ends (OpenID Federation 1.0 §18.1). Nothing a stranger sends is read outside it.
 */
export function discoveryThread({
  ground,
  discovery,
  log,
  script = new URL('./discovery-entry.node.js', import.meta.url),
  ...given
}: ThreadOptions): DiscoveryThread {
  const limits = { ...LIMITS, ...given };
  const counts = { restarts: 0, setAside: 0 };
  const waiting = new Map<number, Waiting>();
  let asked = 0;
  let life: Life | undefined;
  let quick = 0;
  let ended: Start['ended'];
  let again: { readonly timer: NodeJS.Timeout; readonly at: number } | undefined;
  let stopping = false;
  let woken: NodeJS.Timeout | undefined;
  let seen = { beats: 0, at: 0 };

  /** @param wait before it discovers (milliseconds) */
  function begin(wait: number): Life {
    clearTimeout(again?.timer);
    again = undefined;
    const beat = new SharedArrayBuffer(8);
    const start: Start = { ground, discoverAfter: discovery ? wait : undefined, beat, ended };
    const worker = new Worker(script, {
      workerData: start,
      env: {}, // nothing of ours is read there, and some of it is secret
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: limits.heap },
    });
    const begun: Life = {
      worker,
      beat: new Int32Array(beat),
      since: performance.now(),
      why: undefined,
      exited: new Promise((done) => {
        worker.once('exit', () => {
          unwatch();
          over(begun);
          done();
        });
      }),
    };
    const unwatch = watch(begun);
    worker.on('message', hear);
    worker.on('error', (error: Error) => {
      begun.why ??= error.message;
    });
    life = begun;
    return begun;
  }

  function watch(begun: Life): () => void {
    const every = limits.silence / LOOKS;
    let [last, looks] = [0, 0];
    const timer = setInterval(() => {
      const now = Atomics.load(begun.beat, BEATS);
      looks = now === last ? looks + 1 : 0;
      last = now;
      if (looks * every < (now === 0 ? STARTING : limits.silence) || begun.why !== undefined) return;
      begun.why = `it did not answer for ${(looks * every) / 1000} s`;
      void begun.worker.terminate();
    }, every);
    return () => clearInterval(timer);
  }

  function hear(message: FromThread): void {
    if (message.kind === 'log') log[message.level](message.fields, message.text);
    else if (message.kind === 'answer') settle(message.id)?.resolve(message.answer as never);
    else if (message.kind === 'failure') settle(message.id)?.reject(unpack(message.failure));
    else {
      counts.setAside++;
      log.warn({ entity: message.entityId }, 'set aside: evaluating this entity has stopped the discovery thread');
    }
  }

  function settle(id: number): Waiting | undefined {
    const one = waiting.get(id);
    clearTimeout(one?.timer);
    waiting.delete(id);
    return one;
  }

  function over(was: Life): void {
    life = undefined;
    const others = waiting.size;
    for (const id of [...waiting.keys()]) settle(id)?.reject(unavailable('the thread that reads what others publish ended over something it read'));
    if (stopping) return;
    ended = { blame: others === 0 };
    quick = performance.now() - was.since < QUICK ? quick + 1 : 0;
    const wait = quick <= 1 ? 0 : Math.min(LATEST, 250 * 2 ** Math.min(10, quick - 1));
    counts.restarts++;
    log.warn({ why: was.why ?? 'it ended by itself', wait }, 'the discovery thread ended; it is started again');
    again = { at: performance.now() + wait, timer: setTimeout(() => begin(0), wait) };
  }

  return {
    counts,
    start() {
      if (discovery && !life) begin(0);
    },
    wake() {
      if (!discovery || woken) return;
      woken = setTimeout(() => {
        woken = undefined;
        life?.worker.postMessage('wake' satisfies ToThread);
      }, WAKES_AFTER).unref();
    },
    behind() {
      if (!life) return false;
      const beats = Atomics.load(life.beat, BEATS);
      const now = performance.now();
      if (beats !== seen.beats) seen = { beats, at: now };
      return beats > 0 && (Atomics.load(life.beat, LATE) >= LATE_MS || now - seen.at >= BEAT_EVERY_MS + LATE_MS);
    },
    explorer: {
      ask: (question, of) =>
        new Promise((resolve, reject) => {
          if (stopping) return reject(unavailable('the service is stopping'));
          if (waiting.size >= limits.waiting) return reject(unavailable('too many questions wait for what others publish'));
          const { worker } = life ?? begin(again ? Math.max(0, again.at - performance.now()) : 0);
          const id = ++asked;
          const late = () => settle(id)?.reject(unavailable(`what others publish could not be read within ${limits.patience / 1000} s`));
          waiting.set(id, { resolve: resolve as Waiting['resolve'], reject, timer: setTimeout(late, limits.patience) });
          worker.postMessage({ id, question, asked: of } satisfies ToThread);
        }),
    },
    async stop() {
      stopping = true;
      clearTimeout(again?.timer);
      clearTimeout(woken);
      const last = life;
      if (!last) return;
      last.worker.postMessage('stop' satisfies ToThread);
      const timer = setTimeout(() => void last.worker.terminate(), limits.grace);
      await last.exited;
      clearTimeout(timer);
    },
  };
}
