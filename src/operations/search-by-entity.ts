import { type Between, endOfLot, type RowOf, rowsBetween } from '../store/by-entity.js';
import type { Store } from '../store/store.js';
import { readInLots } from './paced.js';
import { type Page, type PageRequest, page } from './read.js';

interface Searching extends Pick<Between, 'authorityId' | 'conditions'> {
  /** No index finds it: among a million it is looked for piece by piece. */
  readonly isSearch: boolean;
}

/** A page of members, or of known entities, of an authority, in the order of their identifiers. */
export async function searchByEntity<T extends Parameters<typeof rowsBetween>[1]>(
  store: Store,
  table: T,
  { isSearch, ...of }: Searching,
  { cursor, limit }: PageRequest,
): Promise<Page<RowOf<T>>> {
  const { db } = store;
  const between = (from: string | undefined, to: string | undefined, most: number) => rowsBetween(db, table, { ...of, from, to }, most);
  const rows = isSearch
    ? await readInLots(store, { from: cursor, most: limit + 1 }, (from, size) => endOfLot(db, table, of.authorityId, from, size), between)
    : await between(cursor, undefined, limit + 1);
  return page(rows, limit, ({ entityId }) => entityId);
}
