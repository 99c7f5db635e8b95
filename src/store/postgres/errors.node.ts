import { StoreBusy, StoreFull, StoreRefused, StoreUnreachable, TROUBLES } from '../trouble.js';
import { codeOf, isGone } from './connection.node.js';
import { whyRefused } from './refusals.node.js';

const DUPLICATE = '23505';
const FULL = '53100';
/** Lock and statement timeouts. */
const BUSY = new Set(['55P03', '57014']);
export const isBusy = (error: unknown): boolean => BUSY.has(codeOf(error));

/** What PostgreSQL says, in the words that `isDuplicate` and whoever answers over HTTP understand. */
export function named(error: unknown): unknown {
  const code = codeOf(error);
  if (code === DUPLICATE) {
    const { table, detail } = error as { readonly table?: string; readonly detail?: string };
    // In whatever language it is said: «Key (a, b)=(1, 2) already exists».
    const columns =
      /\(([^()]*)\)=\(/
        .exec(detail ?? '')?.[1]
        ?.replaceAll('"', '')
        .split(', ') ?? [];
    return new Error(`UNIQUE constraint failed: ${columns.map((one) => `${table}.${one}`).join(', ')}`, { cause: error });
  }
  if (code === FULL) return new StoreFull(TROUBLES.full.says, { cause: error });
  if (BUSY.has(code)) return new StoreBusy(TROUBLES.busy.says, { cause: error });
  const refused = error instanceof StoreRefused ? undefined : whyRefused(error);
  if (refused !== undefined) return new StoreRefused(refused, { cause: error });
  return isGone(error) ? new StoreUnreachable(TROUBLES.unreachable.says, { cause: error }) : error;
}
