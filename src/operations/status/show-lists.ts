import { STATUS_LIST_SIZE, STATUS_TYPES } from '../../federation/entry.js';
import { servedAs } from '../../store/published.js';
import { publishedNow } from '../../store/published-now.js';
import type { StatusKind } from '../../store/schema.js';
import type { StatusPlace } from '../../store/status-entries.js';
import { statusCounts } from '../../store/status-lists.js';
import { statusSlice } from '../../store/status-places.js';
import { allow, type Call } from '../call.js';
import { type AuthorityRow, findAuthority, type MemberRow } from '../registry.js';
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

/** The status lists of an authority. */
export async function showStatusLists(call: Call, slug: string): Promise<readonly StatusListView[]> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const of = await findAuthority(db, slug);
  const counts = await statusCounts(db, of.id);
  const published = publishedNow(db);
  return Promise.all(
    [...new Set(counts.map(({ list }) => list))].map(async (list) => {
      const now = call.now();
      const found = await published.statusList(of.id, String(list));
      const as = found ? servedAs(found, now) : 'gone';
      const { values } = await statusSlice(db, { authorityId: of.id, list, from: 0, to: STATUS_LIST_SIZE, now, since: now });
      const having = (value: number) => values.filter((one) => one[1] === value).length;
      return {
        list,
        url: statusListAt(of.entityId, list),
        status: as === 'served' ? 200 : as === 'late' ? 503 : 404,
        exp: as === 'served' ? (found?.exp ?? null) : null,
        bytes: as === 'served' ? (found?.bytes.length ?? null) : null,
        places: Object.fromEntries(counts.filter((one) => one.list === list).map(({ kind, n }) => [kind, n])),
        invalid: having(STATUS_TYPES.invalid),
        suspended: having(STATUS_TYPES.suspended),
      };
    }),
  );
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
