import { andThen, type MaybePromise, type Select } from './at-once.js';
import { CHANGED, type ExtendedFilter, extendedQuery, LOOKED_AT, LOT_END } from './listing-query.js';
import { ALL_CHANGED } from './published-sql.js';

export interface ListedEntity {
  readonly entityId: string;
  readonly registered: number;
  /** When the statement's content changed last: a change of the member's own, or one that reached every statement. */
  readonly updated: number;
  /** Its Subordinate Statement; undefined while that is being signed anew. */
  readonly statement: string | undefined;
}

export interface ListedEntities {
  readonly entities: readonly ListedEntity[];
  /** When the first of these ends that has not, or its statement; null when none does (seconds since the epoch). */
  readonly until: number | null;
  /** From where on others are still to be looked at; undefined: there are none, or there are as many as were asked for. */
  readonly rest: string | undefined;
}

/** The first of these that is still to come. */
const soonest = (times: readonly unknown[], now: number): number | null =>
  times.reduce<number | null>((first, one) => (typeof one === 'number' && one > now && (first === null || one < first) ? one : first), null);

interface Wanted {
  readonly authorityId: string;
  readonly filter: ExtendedFilter;
  readonly from: string;
  readonly limit: number;
  /** Seconds since the epoch. */
  readonly now: number;
}

/** Of a filter that few pass only so many members are looked at: whoever asks goes on, and lets others in between. */
export const extendedPage = (select: Select, { authorityId, filter, from, limit, now }: Wanted): MaybePromise<ListedEntities> =>
  andThen(select(ALL_CHANGED, [authorityId]), ([row]) => {
    const all = Number(row?.['at'] ?? 0);
    const query = extendedQuery(filter, all, now);
    if (!query) return { entities: [], until: null, rest: undefined };
    const { since, narrowed } = query;
    const few = since === undefined ? false : andThen(select(CHANGED, [authorityId, since, LOOKED_AT]), ([found]) => Number(found?.['n'] ?? 0) < LOOKED_AT);
    return andThen(few, (time) =>
      andThen(narrowed && !time ? select(LOT_END, [authorityId, from, LOOKED_AT]) : [], ([end]) => {
        const to = end === undefined ? [] : [String(end['entity_id'])];
        const sql = query.sql({ time, bounded: to.length > 0 });
        return andThen(select(sql, [authorityId, from, now, ...query.params, ...to, limit]), (rows) => ({
          entities: rows.map((one) => ({
            entityId: String(one['entity_id']),
            registered: Number(one['created_at']),
            updated: Math.max(Number(one['updated_at']), all),
            statement: Number(one['withheld']) === 0 && Number(one['exp']) > now ? String(one['statement']) : undefined,
          })),
          until: soonest(
            rows.flatMap((one) => [one['ends'], one['exp']]),
            now,
          ),
          rest: rows.length < limit ? to[0] : undefined,
        }));
      }),
    );
  });
