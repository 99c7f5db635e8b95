import { countOlder, type Counted, generationAfter, type LotEnd, lotEnd, moreThan, type Older } from '../../store/older-artefacts.js';
import type { Reach } from '../../store/due-artefacts.js';
import type { Call } from '../call.js';
import { paced } from '../paced.js';

/** What of a re-signing job says what it is about. */
export interface Resigning {
  readonly authorityId: string;
  readonly generation: number;
  readonly reach: Reach;
}

type Reading = Pick<Call, 'store' | 'now'>;

/** So many are counted in one statement. */
const AT_ONCE = 5000;
/** Rows of a lot: those that an index counts, and those that are looked at one by one. */
const BY_INDEX = 10_000;
const BY_ROW = 2000;

/** Where this process reads by itself a million is counted lot by lot, and others have their turn in between. */
async function countInLots({ store }: Reading, older: Older, size: number, counted?: Counted): Promise<number> {
  const { db } = store;
  if (!store.readsHere || !(await moreThan(db, older, AT_ONCE))) return countOlder(db, older, undefined, counted);
  const read = paced(store);
  let n = 0;
  for (let of = await generationAfter(db, older, -1); of !== undefined; of = await generationAfter(db, older, of))
    for (let from: LotEnd | undefined = { generation: of, id: 0 }; from; ) {
      const begin: LotEnd = from;
      const to: LotEnd | undefined = await read(() => lotEnd(db, older, begin, size));
      n += await read(() => countOlder(db, older, { from: begin, to }, counted));
      from = to;
    }
  return n;
}

/**
 * How many artefacts within reach are older than a generation: what a re-signing still has to do.
 * @param bundle only statements about those that have it
 */
export const staleArtefacts = (call: Reading, authorityId: string, generation: number, reach: Reach, bundle?: string): Promise<number> =>
  countInLots(call, { authorityId, generation }, BY_ROW, { reach, bundle, now: call.now() });

/** How many of these are due. */
export const staleAndDue = (call: Reading, { authorityId, generation, reach }: Resigning): Promise<number> =>
  countInLots(call, { authorityId, generation }, BY_ROW, { reach, bundle: undefined, due: true, now: call.now() });

/**
 * How many there are, for a commit that is not to wait until each of a million was looked at: then all that is older is counted, by an index.
 * @param urgent not even that: then it is more than `AT_ONCE`, and counted when the first of it was signed
 */
export async function olderThan(call: Reading, authorityId: string, generation: number, reach: Reach, urgent: boolean): Promise<number> {
  const older = { authorityId, generation };
  if (!(await moreThan(call.store.db, older, AT_ONCE))) return staleArtefacts(call, authorityId, generation, reach);
  return urgent ? AT_ONCE + 1 : countInLots(call, older, BY_INDEX);
}
