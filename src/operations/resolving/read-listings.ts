import { and, asc, eq, gt } from 'drizzle-orm';
import { isTrusted, listedCount } from '../../store/due-listings.js';
import { superiorListing } from '../../store/schema.js';
import type { SuperiorListing } from '../../store/superior-listings.js';
import { allow, type Call } from '../call.js';
import { type Page, page, type PageRequest } from '../read.js';
import { findAuthority } from '../registry.js';

export interface ListingView extends SuperiorListing {
  /** How many it listed when it changed last; of an authority of this deployment nothing is kept. */
  readonly listed: number;
  /** Has it a valid chain now? Only then is it looked at. */
  readonly trusted: boolean;
}

/** The listings of superiors that an authority watches, by Entity Identifier. */
export async function listListings(call: Call, slug: string, { limit, cursor }: PageRequest): Promise<Page<ListingView>> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  const rows = await db
    .select({
      row: superiorListing,
      listed: listedCount(),
      trusted: isTrusted(call.now()),
    })
    .from(superiorListing)
    .where(and(eq(superiorListing.authorityId, id), cursor === undefined ? undefined : gt(superiorListing.entityId, cursor)))
    .orderBy(asc(superiorListing.entityId))
    .limit(limit + 1);
  return page(
    rows.map(({ row, listed, trusted }) => ({ ...row, listed, trusted: Boolean(trusted) })),
    limit,
    ({ entityId }) => entityId,
  );
}
