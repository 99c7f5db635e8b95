import { STATUS_LIST_SIZE, STATUS_TYPES } from '../../federation/entry.js';
import { statusAt } from '../../federation/status-list.js';
import { servedAs } from '../../store/published.js';
import { publishedNow } from '../../store/published-now.js';
import type { StatusKind } from '../../store/schema.js';
import { lastStatusList, type StatusPlace } from '../../store/status-entries.js';
import { statusCounts } from '../../store/status-lists.js';
import { statusSlice } from '../../store/status-places.js';
import { allow, type Call } from '../call.js';
import { paced } from '../paced.js';
import { type AuthorityRow, findAuthority, type MemberRow } from '../registry.js';
import { placesNow } from './known-places.js';
import { statusListAt } from './status-claim.js';

/** A status list as it is answered now, and what its rows say. */
export interface StatusListView {
  readonly list: number;
  readonly url: string;
  /** How it is answered: 200, 503 while it is being signed anew, 404 while its authority has stopped. */
  readonly status: number;
  /** Until when it may be believed, and how many bytes it has; null while it is not served. */
  readonly exp: number | null;
  readonly bytes: number | null;
  readonly places: Readonly<Partial<Record<StatusKind, number>>>;
  readonly invalid: number;
  readonly suspended: number;
}

/** Places that are counted at once. */
const COUNTED = 2000;

/** The status lists of an authority, one after the other: of a million members there are twelve, each of as many rows as it has places. */
export async function showStatusLists(call: Call, slug: string): Promise<readonly StatusListView[]> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const of = await findAuthority(db, slug);
  const published = publishedNow(db);
  const read = paced(call.store);
  const views: StatusListView[] = [];
  const last = (await lastStatusList(db, of.id)) ?? -1;
  for (let list = 0; list <= last; list++) {
    const places: Partial<Record<StatusKind, number>> = {};
    const atOnce = call.store.readsHere ? COUNTED : STATUS_LIST_SIZE;
    for (let from = 0; from < STATUS_LIST_SIZE; from += atOnce)
      for (const { kind, n } of await read(() => statusCounts(db, of.id, list, from, from + atOnce))) places[kind] = (places[kind] ?? 0) + n;
    if (Object.keys(places).length === 0) continue;
    const now = call.now();
    const found = await published.statusList(of.id, String(list));
    const as = found ? servedAs(found, now) : 'gone';
    const { packed } = await placesNow(call, of.id, list, now);
    const having = (value: number): number => {
      let n = 0;
      for (let idx = 0; idx < STATUS_LIST_SIZE; idx++) if (statusAt(packed, idx) === value) n++;
      return n;
    };
    views.push({
      list,
      url: statusListAt(of.entityId, list),
      status: as === 'served' ? 200 : as === 'late' ? 503 : 404,
      exp: as === 'served' ? (found?.exp ?? null) : null,
      bytes: as === 'served' ? (found?.bytes.length ?? null) : null,
      places,
      invalid: having(STATUS_TYPES.invalid),
      suspended: having(STATUS_TYPES.suspended),
    });
  }
  return views;
}

/** Where a member stands, and what its rows say of it now; null: it was never in force, or its place is still to be given. */
export interface MemberStatus extends StatusPlace {
  readonly url: string;
  readonly value: number;
}

export async function memberStatus({ store: { db }, now }: Call, authority: AuthorityRow, row: MemberRow): Promise<MemberStatus | null> {
  const { statusList: list, statusIdx: idx } = row;
  if (list === null || idx === null) return null;
  const { values } = await statusSlice(db, { authorityId: authority.id, list, from: idx, to: idx + 1, now: now(), since: now() });
  return { list, idx, url: statusListAt(authority.entityId, list), value: values[0]?.[1] ?? STATUS_TYPES.valid };
}
