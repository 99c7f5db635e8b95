import cluster, { type Worker } from 'node:cluster';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { ConfigError } from '../config.js';
import type { PublicSettings } from '../local/serve-public.node.js';
import type { Workers } from '../metrics.node.js';
import { type Counts, together } from '../request-counts.node.js';
import { readFromWorker, type FromWorker, type ToWorker } from './messages.node.js';
import type { Door } from './private-listener.node.js';
import { workerEnvironment } from './worker-environment.js';

const ENTRY = fileURLToPath(new URL('./worker-entry.node.js', import.meta.url));

/** Milliseconds before one that ended is started again, and for how long one has to live to begin with the first of them. */
const PAUSES = { first: 100, most: 30_000, forgottenAfter: 60_000 };
/** Milliseconds. One that does not say in time that it has seen a commit is ended: it may not answer from what was before. */
const SEEN_WITHIN = 3000;
/** Milliseconds between two times that each is asked whether it hears, and how many of them one may leave unanswered. */
const ASKED_EVERY = 10_000;
const UNANSWERED = 3;
/** Milliseconds for what is in flight (ten seconds) and for ending. */
const ENDS_WITHIN = 12_000;

interface Post {
  readonly number: number;
  worker: Worker | undefined;
  state: 'starting' | 'listening' | 'open';
  /** Up to which commit it has looked. */
  seen: number;
  /** How often it was asked since it said anything. */
  unanswered: number;
  failures: number;
  startedAt: number;
  counts: Counts | undefined;
}

export interface CrewOptions {
  readonly workers: number;
  readonly settings: PublicSettings;
  /** Where what is not public is passed on; without it nobody signs here, and workers answer all there is. */
  readonly door?: Door;
  readonly log: Logger;
  /** Whether it is counted what workers answer. */
  readonly counts?: boolean;
}

export interface Crew {
  readonly port: number;
  /** Said by one of them at its start. */
  readonly notice: string | undefined;
  readonly metrics: Workers;
  /** How many do not answer, of those wanted. */
  readonly missing: () => number;
  /** The database is there: from now on they answer from it, those too that are started later. */
  open(): Promise<void>;
  /** This process has committed. */
  changed(): void;
  /** Until every worker has seen what was committed before, or has ended. */
  seen(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Start workers, and another one for each that ends. The first time all of them have to come.
 * @throws Error as the worker says it that could not start
 */
export async function startCrew({ workers, settings, door, log, counts = false }: CrewOptions): Promise<Crew> {
  cluster.setupPrimary({ exec: ENTRY, args: [] });
  // One after the other, on every system: the kernel would give most connections to few of them.
  cluster.schedulingPolicy = cluster.SCHED_RR;
  const environment = workerEnvironment(process.env, { signs: door !== undefined });
  const posts = Array.from(
    { length: workers },
    (_, n): Post => ({ number: n + 1, worker: undefined, state: 'starting', seen: 0, unanswered: 0, failures: 0, startedAt: 0, counts: undefined }),
  );
  const timers = new Set<NodeJS.Timeout>();
  let { port } = settings;
  let notice: string | undefined;
  let commits = 0;
  let restarts = 0;
  let departed: Counts = [];
  let opened = door === undefined;
  let stopping = false;
  let telling = false;
  let starting: ((error: Error | undefined) => void) | undefined;
  const waiting = new Set<() => void>();
  // Where nobody signs the database is there before it listens.
  const isThere = ({ state }: Post) => state === 'open' || (state === 'listening' && !(opened && door));
  const missing = () => posts.filter((post) => !isThere(post)).length;

  const send = ({ worker }: Post, message: ToWorker) => {
    if (worker?.isConnected()) worker.send(message, () => undefined);
  };
  const moved = () => {
    for (const one of [...waiting]) one();
    if (!door) for (const post of posts) send(post, { tell: 'missing', missing: missing() > 0 });
    if (missing() === 0) starting?.(undefined);
  };
  /** Until all are there, or the first one fails. */
  const all = (): Promise<void> =>
    new Promise((done, reject) => {
      starting = (error) => {
        starting = undefined;
        if (error) reject(error);
        else done();
      };
      moved();
    });

  function hear(post: Post, message: FromWorker): void {
    switch (message.tell) {
      case 'hearing':
        send(post, { tell: 'start', number: post.number, settings: { ...settings, port }, ...(door && { door }), counts });
        return;
      case 'listening':
        post.state = 'listening';
        // Those that come later listen where the first ones do, whatever they were told.
        port = message.port;
        notice ??= message.notice;
        if (opened && door) send(post, { tell: 'open' });
        break;
      case 'opened':
        post.state = 'open';
        break;
      case 'seen':
        post.seen = Math.max(post.seen, message.commits);
        break;
      case 'counts':
        post.counts = message.counts as Counts;
        return;
      case 'failed': {
        const error = message.settings ? new ConfigError(message.why) : new Error(message.why);
        if (starting) starting(error);
        else log.error({ worker: post.number, error: message.why }, 'a worker could not start');
        return;
      }
    }
    moved();
  }

  function start(post: Post): void {
    const worker = cluster.fork(environment);
    Object.assign(post, { worker, state: 'starting', seen: commits, unanswered: 0, startedAt: performance.now() });
    worker.on('message', (said: unknown) => {
      const message = readFromWorker(said);
      post.unanswered = 0;
      if (message) hear(post, message);
      else log.warn({ worker: post.number }, 'a worker said something that nobody understands');
    });
    worker.on('error', (error) => log.warn({ worker: post.number, error: error.message }, 'a worker cannot be told anything'));
    worker.once('exit', (code, signal) => ended(post, { code, signal }));
  }

  function ended(post: Post, how: { readonly code: number | null; readonly signal: string | null }): void {
    Object.assign(post, { worker: undefined, state: 'starting' });
    void keep(post);
    if (!stopping) {
      starting?.(new Error(`worker ${post.number} ended with ${how.signal ?? how.code} while it was starting`));
      const lived = performance.now() - post.startedAt;
      post.failures = lived > PAUSES.forgottenAfter ? 0 : post.failures;
      const pause = Math.min(PAUSES.first * 2 ** post.failures++, PAUSES.most);
      log.warn({ worker: post.number, ...how, pause_ms: pause }, 'a worker ended; another one is started');
      const timer = setTimeout(() => {
        timers.delete(timer);
        restarts++;
        start(post);
      }, pause);
      timers.add(timer);
    }
    moved();
  }

  let keeping: Promise<void> = Promise.resolve();
  /** What one that is gone has answered goes on being counted. */
  function keep(post: Post): Promise<void> {
    const { counts: last } = post;
    post.counts = undefined;
    if (last)
      keeping = keeping.then(async () => {
        departed = await together(departed, last);
      });
    return keeping;
  }

  /** Many commits at one time are told at once. */
  function tell(): void {
    if (telling) return;
    telling = true;
    setImmediate(() => {
      telling = false;
      for (const post of posts) send(post, { tell: 'changed', commits });
    });
  }

  const behind = (upTo: number) => posts.filter(({ worker, state, seen }) => worker !== undefined && state !== 'starting' && seen < upTo);
  async function seen(): Promise<void> {
    const upTo = commits;
    if (behind(upTo).length === 0) return;
    await new Promise<void>((done) => {
      const look = () => {
        if (behind(upTo).length > 0) return;
        clearTimeout(late);
        waiting.delete(look);
        done();
      };
      const late = setTimeout(() => {
        for (const post of behind(upTo)) {
          log.error({ worker: post.number }, 'a worker does not say that it has seen what was committed: it is ended');
          post.worker?.process.kill('SIGKILL');
        }
      }, SEEN_WITHIN);
      waiting.add(look);
    });
  }

  const asking = setInterval(() => {
    for (const post of posts.filter(({ worker, state }) => worker !== undefined && state !== 'starting')) {
      if (post.unanswered++ < UNANSWERED) send(post, { tell: 'changed', commits });
      else {
        log.error({ worker: post.number }, 'a worker hears nothing: it is ended');
        post.worker?.process.kill('SIGKILL');
      }
    }
  }, ASKED_EVERY);

  async function stop(): Promise<void> {
    stopping = true;
    clearInterval(asking);
    for (const timer of timers) clearTimeout(timer);
    const late = setTimeout(() => {
      for (const { worker } of posts) worker?.process.kill('SIGKILL');
    }, ENDS_WITHIN);
    await Promise.all(
      posts.map(
        (post) =>
          new Promise<void>((done) => {
            if (!post.worker) return done();
            post.worker.once('exit', () => done());
            send(post, { tell: 'stop' });
          }),
      ),
    );
    clearTimeout(late);
  }

  const listening = all();
  for (const post of posts) start(post);
  try {
    await listening;
  } catch (error) {
    stopping = true;
    clearInterval(asking);
    for (const { worker } of posts) worker?.process.kill('SIGKILL');
    throw error;
  }
  return {
    port,
    notice,
    missing,
    metrics: {
      wanted: workers,
      there: () => workers - missing(),
      restarts: () => restarts,
      async counted() {
        await keeping;
        return together(departed, ...posts.flatMap((post) => (post.counts ? [post.counts] : [])));
      },
    },
    async open() {
      opened = true;
      const open = all();
      for (const post of posts) if (post.state === 'listening') send(post, { tell: 'open' });
      await open;
    },
    changed() {
      commits++;
      tell();
    },
    seen,
    stop,
  };
}
