// One of several processes that answer what is public on one port: started by `crew.node.ts`, told everything by it, and ended
// with it.
import { startPublicOnly } from '../local/serve-public.node.js';
import { ConfigError } from '../config.js';
import { holdHeap } from '../heap.node.js';
import type { FromWorker, ToWorker } from './messages.node.js';
import { startPassing } from './passing-worker.node.js';

interface Running {
  open?(): Promise<void>;
  changed?(): void;
  stop(): Promise<void>;
}

process.umask(0o077);
holdHeap();
const say = (message: FromWorker) => void process.send?.(message);
let running: Promise<Running> | undefined;
let missing = false;
let stopping = false;

async function start({ number, settings, door, counts }: ToWorker & { readonly tell: 'start' }): Promise<Running> {
  if (door) {
    const passing = await startPassing(settings, { number, door, tell: counts ? (found) => say({ tell: 'counts', counts: found }) : undefined });
    say({ tell: 'listening', port: passing.listening.port });
    return passing;
  }
  const serving = await startPublicOnly(settings, { number, missing: () => missing });
  say({ tell: 'listening', port: serving.listening.port, ...(serving.notice !== undefined && { notice: serving.notice }) });
  return serving;
}

/** Nothing is tried again here: whoever started this process starts another one. */
function fail(error: unknown): void {
  if (process.connected)
    process.send?.({ tell: 'failed', why: error instanceof Error ? error.message : String(error), settings: error instanceof ConfigError }, () =>
      process.exit(1),
    );
  else process.exit(1);
}

async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  await (await running)?.stop();
  process.exit(0);
}

async function hear(message: ToWorker): Promise<void> {
  switch (message.tell) {
    case 'start':
      running = start(message);
      await running;
      break;
    case 'open':
      await (await running)?.open?.();
      say({ tell: 'opened' });
      break;
    case 'changed':
      (await running)?.changed?.();
      say({ tell: 'seen', commits: message.commits });
      break;
    case 'missing':
      missing = message.missing;
      break;
    case 'stop':
      await stop();
  }
}

process.on('message', (message: ToWorker) => void hear(message).catch(fail));
// Nobody is there any more who signs, or tells of cuts.
process.on('disconnect', () => process.exit(1));
// A terminal and a service manager tell all processes at once.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop().catch(fail));
say({ tell: 'hearing' });
