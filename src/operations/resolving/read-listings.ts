import { and, asc, eq, gt, sql } from 'drizzle-orm';
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
      listed: sql<number>`(SELECT count(*) FROM listed_entity AS l WHERE l.authority_id = superior_listing.authority_id AND l.superior = superior_listing.entity_id)`,
      trusted: sql<number>`EXISTS (SELECT 1 FROM snapshot AS s WHERE s.authority_id = superior_listing.authority_id AND s.subject = superior_listing.entity_id
        AND s.state = 'valid' AND s.exp > ${call.now()})`,
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
