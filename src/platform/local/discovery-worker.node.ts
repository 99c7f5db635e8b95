import { parentPort, workerData } from 'node:worker_threads';
import { scheduleCrawls } from '../../operations/resolving/crawl.js';
import { crawlTurn, discoveryTurn, lookNear } from '../../operations/discovery.js';
import { evaluateOnward } from '../../operations/resolving/evaluate-due.js';
import { createEvaluating, type Evaluating } from '../../operations/resolving/evaluating.js';
import { endLeases } from '../../operations/resolving/take-entities.js';
import { noteWishes } from '../../operations/resolving/wishes.js';
import type { Outbound } from '../../outbound/outbound.js';
import { type NodeDeployment, openExploring } from '../deployment.node.js';
import { inTurns, type Say } from './in-turns.node.js';
import { BEAT_EVERY_MS, BEATS, type FromThread, LATE, pack, type Start, type ToThread } from './thread-messages.node.js';

const DISCOVERY_EVERY_MS = 1000;
/** After an end over what was read, whoever is asked is noted before for so long (milliseconds): it may have been one that was not. */
const CAREFUL_FOR_MS = 60_000;
/** Evaluations wait for what is near for so long (milliseconds): a list of many is compared beside them. */
const NEARBY_MS = 100;
const LOOKS_AT_ONCE = 4;
/** The log has a line of evaluations this often (milliseconds), when there were any. */
const TOLD_EVERY_MS = 10_000;

/**
 * The discovery thread: everything that reads what strangers send, with a database connection, a custody and a guarded
 * door of its own. It answers the questions it is sent, and discovers in turns.
 * @param around what is put around its door
 */
export async function runDiscovery(around?: (door: Outbound) => Outbound): Promise<void> {
  const port = parentPort;
  if (!port) throw new Error('this runs in a worker thread');
  const { ground, discoverAfter, beat, ended } = workerData as Start;
  const send = (message: FromThread) => port.postMessage(message);
  const say =
    (level: 'info' | 'error'): Say =>
    (fields, text) =>
      send({ kind: 'log', level, fields, text });
  const deployment = openExploring(ground, around);
  if (ended) await endLeases(deployment, ended.blame);
  // Everything is open; from here on a stranger may be in the way, and the parent watches.
  beatIn(new Int32Array(beat));
  const state = createEvaluating();
  const loop = discoverAfter === undefined ? undefined : discover(deployment, { state, send, say, after: discoverAfter, ended: ended !== undefined });
  port.on('message', async (message: ToThread) => {
    if (message === 'stop') {
      await loop?.stop();
      await deployment.close();
      return process.exit(0); // the thread only
    }
    if (message === 'wake') return state.wake();
    const { id, question, asked } = message;
    try {
      send({ kind: 'answer', id, answer: await deployment.explorer.ask(question, asked as never) });
    } catch (error) {
      send({ kind: 'failure', id, failure: pack(error) });
    }
  });
}

/** Tell the parent that the event loop turns, and how late. */
function beatIn(told: Int32Array): void {
  let [due, late] = [performance.now(), 0];
  const beats = () => {
    const now = performance.now();
    // One that was late is not forgotten with the next.
    late = Math.max(now - due, late / 2);
    due = now + BEAT_EVERY_MS;
    Atomics.store(told, LATE, late);
    Atomics.add(told, BEATS, 1);
  };
  beats();
  setInterval(beats, BEAT_EVERY_MS);
}

interface Discovering {
  readonly state: Evaluating;
  readonly after: number;
  readonly ended: boolean;
  readonly send: (message: FromThread) => void;
  readonly say: (level: 'info' | 'error') => Say;
}

/** The turns, and the evaluations beside them: these wait neither for a crawl nor for a listing. */
function discover(deployment: NodeDeployment, { state, after, ended, send, say }: Discovering) {
  const onSetAside = (entityId: string) => send({ kind: 'set aside', entityId });
  const log = { info: say('info'), error: say('error') };
  const turns = inTurns(log, 'discovery', DISCOVERY_EVERY_MS, discoverer(deployment, state, onSetAside), after);
  const crawls = inTurns(log, 'crawls', DISCOVERY_EVERY_MS, crawler(deployment, state, onSetAside), after);
  const careful = performance.now() + after + CAREFUL_FOR_MS;
  let stopping = false;
  let taken = 0;
  const tell = () => {
    if (taken) say('info')({ evaluated: taken }, 'discovery');
    taken = 0;
  };
  const telling = setInterval(tell, TOLD_EVERY_MS);
  const failed = (error: unknown) => say('error')({ error: error instanceof Error ? error.message : String(error) }, 'an evaluation failed; it is tried again');
  const evaluating = new Promise((done) => setTimeout(done, after)).then(() =>
    evaluateOnward(deployment, state, {
      more: () => !stopping,
      before: nearby(deployment, state, failed),
      careful: () => ended && performance.now() < careful,
      failed,
      taken: (count) => {
        taken += count;
      },
      onSetAside,
    }),
  );
  return {
    async stop() {
      stopping = true;
      state.wake();
      await Promise.all([turns.stop(), crawls.stop(), evaluating]);
      clearInterval(telling);
      tell();
    },
  };
}

const discoverer =
  (deployment: NodeDeployment, { places }: Evaluating, onSetAside: (entityId: string) => void) =>
  async (more: () => boolean) => {
    const { listings } = await discoveryTurn(deployment, { more, alone: false, places, onSetAside });
    return listings ? { listings } : undefined;
  };

const crawler =
  (deployment: NodeDeployment, { places }: Evaluating, onSetAside: (entityId: string) => void) =>
  async (more: () => boolean) => {
    await scheduleCrawls(deployment);
    const crawled = await crawlTurn(deployment, { more, places, onSetAside });
    return crawled ? { crawled } : undefined;
  };

/**
 * What may bring somebody who is new, without asking anybody; the wishes of other processes on this folder now and then. Of the looks
 * that take long, a list of many being compared, a few go on beside the others.
 */
function nearby(deployment: NodeDeployment, state: Evaluating, failed: (error: unknown) => void) {
  let wishesSince = 0;
  let looking = 0;
  const look = async () => {
    const now = deployment.now();
    if (now > wishesSince + 1) {
      await noteWishes(deployment, deployment.opened.wishes(wishesSince, now));
      wishesSince = now - 1; // the second that is running may get more
    }
    await lookNear(deployment);
  };
  return async () => {
    if (looking >= LOOKS_AT_ONCE) return;
    looking++;
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<'late'>((done) => {
      timer = setTimeout(done, NEARBY_MS, 'late');
    });
    const done = look()
      .catch(failed)
      .finally(() => {
        looking--;
        clearTimeout(timer);
      });
    if ((await Promise.race([done, enough])) === 'late') void done.then(() => state.wake());
  };
}
