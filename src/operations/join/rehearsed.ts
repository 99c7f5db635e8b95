import type { Decision } from '../../store/change.js';

/** Of a dry run the result alone: with no event nothing is committed. */
export const rehearsed = <T>(dryRun: boolean, decision: Decision<T>): Decision<T> =>
  dryRun ? { events: [], statements: [], result: decision.result } : decision;
