import { parentPort, workerData } from 'node:worker_threads';
import { scheduleCrawls } from '../../operations/resolving/crawl.js';
import { discoveryTurn } from '../../operations/discovery.js';
import { endLeases } from '../../operations/resolving/take-entities.js';
import { noteWishes } from '../../operations/resolving/wishes.js';
import type { Outbound } from '../../outbound/outbound.js';
import { type NodeDeployment, openExploring } from '../deployment.node.js';
import { inTurns, type Say } from './in-turns.node.js';
import { type FromThread, pack, type Start, type ToThread } from './thread-messages.node.js';

const DISCOVERY_EVERY_MS = 1000;
const BEAT_EVERY_MS = 50;

/**
 * The discovery thread: everything that reads what strangers send, with a database connection, a custody and a guarded
 * door of its own. It answers the questions it is sent, and discovers in turns.
 * @param around what is put around its door
 */
export async function runDiscovery(around?: (door: Outbound) => Outbound): Promise<void> {
  const port = parentPort;
  if (!port) throw new Error('this runs in a worker thread');
  const { ground, discoverAfter, beat, ended } = workerData as Start;
  const count = new Int32Array(beat);
  const send = (message: FromThread) => port.postMessage(message);
  const say =
    (level: 'info' | 'error'): Say =>
    (fields, text) =>
      send({ kind: 'log', level, fields, text });
  const deployment = openExploring(ground, around);
  if (ended) await endLeases(deployment, ended.blame);
  // Everything is open; from here on a stranger may be in the way, and the parent watches.
  const beats = () => Atomics.add(count, 0, 1);
  beats();
  setInterval(beats, BEAT_EVERY_MS);
  const loop =
    discoverAfter === undefined
      ? undefined
      : inTurns({ info: say('info'), error: say('error') }, 'discovery', DISCOVERY_EVERY_MS, discoverer(deployment, send), discoverAfter);
  port.on('message', async (message: ToThread) => {
    if (message === 'stop') {
      await loop?.stop();
      await deployment.close();
      return process.exit(0); // the thread only
    }
    const { id, question, asked } = message;
    try {
      send({ kind: 'answer', id, answer: await deployment.explorer.ask(question, asked as never) });
    } catch (error) {
      send({ kind: 'failure', id, failure: pack(error) });
    }
  });
}

function discoverer(deployment: NodeDeployment, send: (message: FromThread) => void) {
  let wishesSince = 0;
  return async (more: () => boolean) => {
    const now = deployment.now();
    await noteWishes(deployment, deployment.opened.wishes(wishesSince, now));
    wishesSince = now - 1; // the second that is running may get more
    await scheduleCrawls(deployment);
    const done = await discoveryTurn(deployment, { more, onSetAside: (entityId) => send({ kind: 'set aside', entityId }) });
    return done.evaluated || done.crawled || done.listings ? done : undefined;
  };
}
