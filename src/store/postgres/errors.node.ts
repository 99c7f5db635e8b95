import { StoreBusy, StoreFull, StoreUnreachable } from '../database.js';
import { TROUBLES } from '../trouble.js';
import { codeOf, isGone } from './connection.node.js';

const DUPLICATE = '23505';
const FULL = '53100';
/** Lock and statement timeouts. */
const BUSY = new Set(['55P03', '57014']);

/** What PostgreSQL says, in the words that `isDuplicate` and whoever answers over HTTP understand. */
export function named(error: unknown): unknown {
  const code = codeOf(error);
  if (code === DUPLICATE) {
    const { table, detail } = error as { readonly table?: string; readonly detail?: string };
    const columns =
      // "Key (a, b)=(1, 2) already exists." in the language of the server: to ask for another one takes a superuser.
      /\(([^)]*)\)=\(/
        .exec(detail ?? '')?.[1]
        ?.replaceAll('"', '')
        .split(', ') ?? [];
    return new Error(`UNIQUE constraint failed: ${columns.map((one) => `${table}.${one}`).join(', ')}`, { cause: error });
  }
  if (code === FULL) return new StoreFull(TROUBLES.full.says, { cause: error });
  if (BUSY.has(code)) return new StoreBusy(TROUBLES.busy.says, { cause: error });
  return isGone(error) ? new StoreUnreachable(TROUBLES.unreachable.says, { cause: error }) : error;
}
