import { STATUS_LIST_SIZE } from '../../federation/entry.js';
import { drawNumbers } from '../../keys/random.js';
import type { Database, Statement } from '../../store/database.js';
import { lastStatusList, putStatusEntries, type StatusAsked, type StatusPlace, statusKey, statusPlacesOf, takenIn } from '../../store/status-entries.js';

export interface StatusGiven {
  /** One for each that was asked for, in order. */
  readonly places: readonly StatusPlace[];
  /** For the batch of whatever names the places. */
  readonly statements: readonly Statement[];
}

/** So many are drawn at least; of which more than that share is taken, it is full, and the next list is begun. */
const DRAWN = 64;
const MOST_DRAWN = 10_000;
const FULL = 0.9;

/** Places that nobody has, for as many operations as are decided together: none is given to two of them. */
export interface FreePlaces {
  take(count: number): Promise<readonly StatusPlace[]>;
}

/** @param first as many are drawn when the first is taken */
export function freePlacesFor(db: Database, authorityId: string, first: number): FreePlaces {
  const free: StatusPlace[] = [];
  let drawn: Promise<unknown> = Promise.resolve();
  return {
    async take(count) {
      if (count === 0) return [];
      // One after the other: those that were taken stand nowhere yet.
      const mine = drawn.then(async () => {
        if (free.length < count) free.push(...(await freePlaces(db, authorityId, Math.max(first, count))));
        return free.splice(0, count);
      });
      drawn = mine.catch(() => undefined);
      return mine;
    },
  };
}

/**
 * Give places in the status lists of an authority, at random, so that an index tells nobody how many there are or who came
 * after whom (Token Status List, "Unlinkability"). Whoever has one keeps it. How full a list is, the draw tells: nothing is counted.
 * @param places where they are taken from
 * @param fresh of whose ids nothing can stand on record
 */
export async function giveStatusPlaces(
  db: Database,
  authorityId: string,
  asked: readonly StatusAsked[],
  now: number,
  {
    places = freePlacesFor(db, authorityId, asked.length),
    fresh = new Set<string>(),
  }: { readonly places?: FreePlaces | undefined; readonly fresh?: ReadonlySet<string> } = {},
): Promise<StatusGiven> {
  const had = await statusPlacesOf(
    db,
    authorityId,
    asked.filter(({ subjectId }) => !fresh.has(subjectId)),
  );
  const without = asked.filter((one) => !had.has(statusKey(one)));
  const free = await places.take(without.length);
  const given = without.map((one, n) => ({ ...one, ...(free[n] as StatusPlace) }));
  for (const one of given) had.set(statusKey(one), { list: one.list, idx: one.idx });
  return {
    places: asked.map((one) => had.get(statusKey(one)) as StatusPlace),
    statements: given.length ? putStatusEntries(authorityId, given, now) : [],
  };
}

async function freePlaces(db: Database, authorityId: string, count: number): Promise<readonly StatusPlace[]> {
  const free = new Map<string, StatusPlace>();
  for (let list = count ? ((await lastStatusList(db, authorityId)) ?? 0) : 0; free.size < count; ) {
    const drawn = [...new Set(drawNumbers(Math.min(MOST_DRAWN, Math.max(DRAWN, 2 * (count - free.size))), STATUS_LIST_SIZE))];
    const taken = await takenIn(db, authorityId, list, drawn);
    if (taken.size > FULL * drawn.length) list++;
    else for (const idx of drawn) if (!taken.has(idx)) free.set(`${list} ${idx}`, { list, idx });
  }
  return [...free.values()];
}
