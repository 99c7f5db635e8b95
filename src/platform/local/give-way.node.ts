import { getPriority, setPriority } from 'node:os';

/** Of the scheduler (nice): where a processor is wanted by both, this one gets about a tenth of it. */
const BEHIND = 10;
const LAST = 19;

/**
 * Let threads that answer go first where there are too few processors for all. On Linux a priority belongs to a thread, the one that
 * asks for it (setpriority(2), notes); elsewhere to the process, so there nothing is done.
 */
export function giveWay(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(0, Math.min(getPriority(0) + BEHIND, LAST));
  } catch {
    // A container may forbid it; then it is as before.
  }
}
