import { limits, packStatuses, STATUS_LIST_BITS, STATUS_LIST_SIZE, STATUS_TYPES } from '../../federation/entry.js';
import { placesIn, putStatus, type StatusBytes, statusAt } from '../../federation/status-list.js';
import type { Database } from '../../store/database.js';
import { movedSince, type PlaceRow, placesBetween, placesMoved, type Seen, seenAt } from '../../store/status-places.js';
import { NEVER } from '../../store/words.js';
import type { Deployment } from '../call.js';

/** Status lists as this process read them last: what was committed since tells which of their places to look at again. */

/** What a list says at a time. */
export interface PlacesAt {
  readonly packed: StatusBytes;
  /** Who is valid and came back lately, and when. */
  readonly back: readonly (readonly [idx: number, at: number])[];
  /** When the first of those that are valid ends by itself; null: none of them does. */
  readonly until: number | null;
  /** The last event of the authority's chain that it says all of. */
  readonly seq: number;
}

/** A list in memory: two bits a place, and eight bytes for the end of each where any has one (25 kB to 1.6 MB). */
interface Known {
  seen: Seen;
  /** When it was read whole. */
  readonly readAt: number;
  readonly values: StatusBytes;
  ends: Float64Array | undefined;
  back: Float64Array | undefined;
}

/** Lists that are kept for a store; those that were asked for longest ago go. */
const KEPT = 16;
/** So long after it was read whole it is read whole again (seconds), if the background did not do it before. */
const LASTS = 600;
/** Places that are read at once: by a query elsewhere, and where this process does nothing else meanwhile. */
const AT_ONCE = 10_000;
const AT_ONCE_HERE = 500;
/** What reading here takes before whoever asks something else has as long for himself (milliseconds): at a million members it takes seconds. */
const SPENT_MS = 5;

const memory = new WeakMap<object, Map<string, Known>>();
const keyOf = (authorityId: string, list: number): string => `${list} ${authorityId}`;

/** What is kept of an authority's lists goes: they are read whole next. That is how what no event tells is found, such as a damaged cell. */
export function forgetPlaces({ store }: Pick<Deployment, 'store'>, authorityId: string): void {
  const known = memory.get(store);
  for (const key of known?.keys() ?? []) if (key.endsWith(` ${authorityId}`)) known?.delete(key);
}

/**
 * The places of a list. Where it was read before in this process only those are read that the events since are about.
 * @param beyond whoever does not last longer than that is invalid
 */
export async function placesNow(deployment: Pick<Deployment, 'store' | 'now'>, authorityId: string, list: number, beyond: number): Promise<PlacesAt> {
  const now = deployment.now();
  const { store } = deployment;
  const lists = memory.get(store) ?? new Map<string, Known>();
  memory.set(store, lists);
  const key = keyOf(authorityId, list);
  const kept = lists.get(key);
  const young = kept && now >= kept.readAt && now - kept.readAt < LASTS;
  const known = young && (await catchUp(store.db, authorityId, list, kept)) ? kept : await readWhole(store, authorityId, list, now);
  lists.delete(key);
  // Without its event there is nothing to go on from.
  if (known.seen.hash !== '') lists.set(key, known);
  for (const oldest of lists.keys()) if (lists.size > KEPT) lists.delete(oldest);
  return saidAt(known, now - limits.MAX_STATEMENT_LIFETIME, beyond);
}

/** @returns whether it says now all that was committed before it was asked */
async function catchUp(db: Database, authorityId: string, list: number, known: Known): Promise<boolean> {
  const since = await movedSince(db, authorityId, known.seen);
  if (!since) return false;
  const { rows, seq } = await placesMoved(db, authorityId, list, since.moves);
  // A server that is behind the one that told of the events has older rows.
  if (seq < since.last.seq) return false;
  for (const row of rows) put(known, row);
  known.seen = since.last;
  return true;
}

async function readWhole({ db, readsHere }: Pick<Deployment['store'], 'db' | 'readsHere'>, authorityId: string, list: number, now: number): Promise<Known> {
  const atOnce = readsHere ? AT_ONCE_HERE : AT_ONCE;
  const values = packStatuses(STATUS_LIST_SIZE, STATUS_LIST_BITS, []);
  const known: Known = { seen: { seq: 0, hash: '' }, readAt: now, values, ends: undefined, back: undefined };
  let least = Number.POSITIVE_INFINITY;
  let spent = 0;
  for (let from = 0; from < STATUS_LIST_SIZE; from += atOnce) {
    const started = performance.now();
    const { rows, seq } = await placesBetween(db, { authorityId, list, from, to: from + atOnce, since: now - limits.MAX_STATEMENT_LIFETIME });
    for (const row of rows) put(known, row);
    // What was committed while it was read is in the chain after that, and so is looked at again.
    least = Math.min(least, seq);
    spent += performance.now() - started;
    if (!readsHere || spent < SPENT_MS) continue;
    await new Promise((done) => setTimeout(done, spent));
    spent = 0;
  }
  known.seen = (await seenAt(db, authorityId, least)) ?? { seq: least, hash: '' };
  return known;
}

/** A place of a damaged row is none. */
function put(known: Known, { idx, value, ends, back }: PlaceRow): void {
  if (!Number.isInteger(idx) || idx >= STATUS_LIST_SIZE) return;
  putStatus(known.values, idx, value);
  known.ends = noted(known.ends, idx, ends < NEVER ? ends : Number.NaN);
  known.back = noted(known.back, idx, back ?? Number.NaN);
}

function noted(times: Float64Array | undefined, idx: number, at: number): Float64Array | undefined {
  if (!times && Number.isNaN(at)) return undefined;
  const all = times ?? new Float64Array(STATUS_LIST_SIZE).fill(Number.NaN);
  all[idx] = at;
  return all;
}

function saidAt({ values, ends, back, seen }: Known, since: number, beyond: number): PlacesAt {
  const packed = { bits: values.bits, bytes: values.bytes.slice() };
  const isValid = (idx: number) => statusAt(packed, idx) === STATUS_TYPES.valid;
  let until = NEVER;
  for (let idx = 0; ends && idx < placesIn(packed); idx++) {
    const end = ends[idx] ?? Number.NaN;
    if (Number.isNaN(end) || !isValid(idx)) continue;
    if (end > beyond) until = Math.min(until, end);
    else putStatus(packed, idx, STATUS_TYPES.invalid);
  }
  const came: (readonly [number, number])[] = [];
  for (const [idx, at] of back?.entries() ?? []) if (at >= since && isValid(idx)) came.push([idx, Math.ceil(at)]);
  return { packed, back: came, until: until >= NEVER ? null : until, seq: seen.seq };
}
