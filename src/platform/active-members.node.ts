import { countActiveAfter } from '../store/active-members.js';
import type { Database } from '../store/database.js';
import { authority } from '../store/schema.js';

/** Index entries that are counted at a stretch: about a millisecond; other requests come in between. */
const SLICE = 10_000;
const KEEP_MS = 60_000;

/**
 * How many members are active, over all authorities. SQLite keeps no counts, so an index is walked in slices. A federation
 * of one slice is counted at every call; of a larger one the count is a minute old at most, and is never made twice at once.
 */
export function activeMembers(db: Database, milliseconds: () => number = () => performance.now()): () => Promise<number> {
  let known: { readonly at: number; readonly n: number } | undefined;
  let counting: Promise<number> | undefined;
  const count = async (): Promise<number> => {
    const n = await countAll(db);
    known = n < SLICE ? undefined : { at: milliseconds(), n };
    return n;
  };
  return async () => {
    if (known && milliseconds() - known.at < KEEP_MS) return known.n;
    counting ??= count().finally(() => {
      counting = undefined;
    });
    return counting;
  };
}

async function countAll(db: Database): Promise<number> {
  let n = 0;
  for (const { id } of await db.select({ id: authority.id }).from(authority)) {
    for (let after: string | null = ''; after !== null; ) {
      const slice: Awaited<ReturnType<typeof countActiveAfter>> = await countActiveAfter(db, id, after, SLICE);
      n += slice.n;
      after = slice.n === SLICE ? slice.last : null;
      if (after !== null) await new Promise((done) => setTimeout(done, 0));
    }
  }
  return n;
}
