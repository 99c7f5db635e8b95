import { hostOf } from '../../outbound/budget.js';
import { authoritiesOf, dueInLine } from '../../store/due-entities.js';
import { keyOf, putOff } from '../../store/evaluation-leases.js';
import type { KnownEntity } from '../../store/known-entities.js';
import { LINES } from '../../store/schema.js';
import type { Deployment } from '../call.js';
import type { AuthorityRow } from '../registry.js';
import type { Evaluating } from './evaluating.js';
import type { Reason } from './host-standing.js';
import { type Line, SHARES } from './places.js';

/** Who came within this counts as come just now (seconds). The fewer places are left for those, the shorter ago it has to be: a second for the last one. */
const JUST_NOW = 10;
/** Who came within this counts as new to its host (seconds). */
const NEW_FOR = 60;
/** An authority that is halted evaluates nobody; its return makes all it knows due at once, and until then nobody passes over them again and again (seconds). */
const WHILE_HALTED = 12 * 60 * 60;
/** Read beyond what there is room for: some of them wait for their hosts. */
const MORE = 16;
/** What each line has of a number that is given for all of them. What one leaves is for the others, in order. */
const PART: Readonly<Record<Line, number>> = { changed: 1 / 2, held: 1 / 4, many: 1 / 8, found: 1 / 16, rest: 1 / 16 };

interface Waits {
  readonly line: Line;
  readonly known: KnownEntity;
}
interface Known extends Waits {
  readonly row: AuthorityRow;
}
export interface Next extends Known {
  readonly reason: Reason;
}

export interface Wanted {
  readonly lines: readonly Line[];
  /** Of all lines together. */
  readonly most: number;
  /** Only so many are asked as are evaluated at the same time: each is noted before it is asked. */
  readonly careful: boolean;
}

/** How many of a line may be begun, and of these how many only for who came just now. */
function roomIn(line: Line, { busy }: Evaluating, careful: boolean): { readonly all: number; readonly recent: number } {
  const { asked, recent, places } = SHARES[line];
  const under = [...busy.values()].filter((one) => one === line).length;
  const all = Math.max(0, (careful ? places : asked) - under);
  return { all, recent: careful ? 0 : Math.min(all, recent) };
}

/** Of a line who waits for longest, and where there are more than there is room for, who came just now. */
async function inLine({ store: { db }, now }: Deployment, line: Line, state: Evaluating, { most, careful }: Wanted): Promise<readonly Waits[]> {
  const room = roomIn(line, state, careful);
  if (Math.min(room.all, most) === 0) return [];
  // These are due as well, as they stand in the store.
  const under = [...state.busy.values()].filter((one) => one === line || one === 'unwritten').length;
  const some = Math.min(room.all, most) + under + MORE;
  const full = room.all === room.recent;
  const oldest = full ? [] : await dueInLine(db, LINES[line], now(), some);
  const justNow = room.recent > 0 && (full || oldest.length === some);
  const newest = justNow ? await dueInLine(db, LINES[line], now(), room.recent + under, { within: full ? within(room.all) : JUST_NOW }) : [];
  const rows = new Map([...newest, ...oldest].map((known) => [keyOf(known), known]));
  return [...rows].filter(([key]) => !state.busy.has(key)).map(([, known]) => ({ line, known }));
}

/** How long ago they may have come for whom so many places are left (seconds). */
const within = (places: number): number => Math.min(places, JUST_NOW) + 1;

const reasonOf = ({ line, known: { source, dueAt } }: Waits, now: number): Reason =>
  line === 'changed' && now - dueAt <= NEW_FOR ? 'new' : source === 'member' ? 'member' : line === 'held' ? 'held' : 'other';

/**
 * Who is next in these lines, as far as there is room. Whose host is silent, or busy with others, waits with it: that is noted,
 * and nobody else waits for them.
 * @returns those to begin with, marked as busy; `moved`: some were told to wait
 */
export async function nextEntities(
  deployment: Deployment,
  state: Evaluating,
  wanted: Wanted,
): Promise<{ readonly next: readonly Next[]; readonly moved: boolean }> {
  const found: (readonly Waits[])[] = [];
  for (const line of wanted.lines) found.push(await inLine(deployment, line, state, wanted));
  const rows = await authoritiesOf(
    deployment.store.db,
    found.flatMap((some) => some.map(({ known }) => known)),
  );
  const waiting = found.map((some) =>
    some.flatMap((one): Known[] => {
      const row = rows.get(one.known.authorityId);
      return row ? [{ ...one, row }] : [];
    }),
  );
  const next: Next[] = [];
  const now = deployment.now();
  const off = waiting.flatMap((queue) => queue.filter(({ row }) => row.state !== 'active').map(({ known }) => ({ ...known, until: now + WHILE_HALTED })));
  const takeFrom = (queue: Known[], most: number): void => {
    const kept: Known[] = [];
    for (let n = 0; n < most && next.length < wanted.most && queue.length > 0; ) {
      const one = queue.shift() as Known;
      const { line, known, row } = one;
      if (row.state !== 'active') continue;
      const room = roomIn(line, state, wanted.careful);
      if (room.all === 0) {
        kept.push(one);
        break;
      }
      if (room.recent === room.all && now - known.dueAt > Math.min(room.all, JUST_NOW)) {
        kept.push(one);
        continue;
      }
      const host = hostOf(known.entityId);
      const reason = reasonOf(one, now);
      const turn = state.hosts.turnOf(host, now, reason);
      // Who has just come is there for the next place, before all who came sooner.
      if (typeof turn === 'number' && !(line === 'changed' && now - known.dueAt <= JUST_NOW)) off.push({ ...known, until: turn });
      if (turn !== 'now') continue;
      state.hosts.begin(host, reason);
      state.busy.set(keyOf(known), line);
      next.push({ ...one, reason });
      n++;
    }
    queue.unshift(...kept);
  };
  for (const [n, queue] of waiting.entries()) takeFrom(queue, Math.ceil(wanted.most * PART[wanted.lines[n] as Line]));
  for (const queue of waiting) {
    takeFrom(queue, wanted.most);
    // There is no room for it now: its part is not given away.
    if (queue.length > 0) break;
  }
  if (off.length) await deployment.store.write([putOff(off)]);
  return { next, moved: off.length > 0 };
}
