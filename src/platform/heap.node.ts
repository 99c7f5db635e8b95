import { setFlagsFromString } from 'node:v8';
import { ON_BUN } from '../store/bun-sqlite.node.js';

/** How much the heap may grow on what is in use, before all of it is collected (per cent). By default it is up to 300. */
const GROWING_PERCENT = 50;

/**
 * A server whose memory follows what it holds. Left to itself V8 lets the heap grow to four times that, and goes on putting into its
 * lasting part whatever lasted while the cache was filled: from then on nearly all of it is garbage there, a kilobyte a request. Among
 * 100 000 members that was 400 MB for 75 in use. V8 reads both flags each time anew, so they may be set in a process that runs;
 * whoever gives one of his own (`node --heap-growing-percent=…`) has it.
 */
export function holdHeap(given: readonly string[] = process.execArgv): void {
  if (ON_BUN) return;
  const names = given.map((flag) =>
    flag
      .replace(/=.*/, '')
      .replace(/^--(no-?)?/, '')
      .replaceAll('_', '-'),
  );
  if (!names.includes('heap-growing-percent')) setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`);
  if (!names.includes('allocation-site-pretenuring')) setFlagsFromString('--no-allocation-site-pretenuring');
}
