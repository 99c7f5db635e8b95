import { type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.js';
import { readByList } from './lots.js';
import { superiorListing } from './schema.js';
import type { SuperiorListing } from './superior-listings.js';

/** Whether a superior of `superior_listing` has a valid chain now. */
export const isTrusted = (now: number): SQL<number> =>
  sql<number>`EXISTS (SELECT 1 FROM snapshot AS s WHERE s.authority_id = superior_listing.authority_id AND s.subject = superior_listing.entity_id
        AND s.state = 'valid' AND s.exp > ${now})`;

/** How many a superior of `superior_listing` listed when that changed last. */
export const listedCount = (): SQL<number> =>
  sql<number>`(SELECT count(*) FROM listed_entity AS l WHERE l.authority_id = superior_listing.authority_id AND l.superior = superior_listing.entity_id)`;

/** Of which superiors: of authorities of this deployment, whose members are read from the store, or of all others. */
export type Whose = 'ours' | 'others';
const OF: Readonly<Record<Whose, SQL>> = { ours: sql` AND url IS NULL`, others: sql` AND url IS NOT NULL` };

export interface DueListings {
  readonly now: number;
  readonly perHost: number;
  readonly limit: number;
  /** All by default. */
  readonly whose?: Whose | undefined;
}

/** Listings that are due, for longest first: only of superiors that have a valid chain now, and of each host a few. */
export async function listingsDueNow(db: Database, { now, perHost, limit, whose }: DueListings): Promise<readonly SuperiorListing[]> {
  const of = whose === undefined ? sql`` : OF[whose];
  const [any] = await db.select({ id: superiorListing.entityId }).from(superiorListing).where(sql`due_at <= ${now}${of}`).limit(1);
  if (!any) return [];
  const keys = await db.all<{ authority: string; entity: string }>(sql`
    SELECT authority_id AS authority, entity_id AS entity FROM (
      SELECT l.authority_id, l.entity_id, l.due_at, row_number() OVER (PARTITION BY l.host ORDER BY l.due_at) AS place
      FROM superior_listing AS l JOIN authority AS a ON a.id = l.authority_id AND a.state = 'active'
      WHERE l.due_at <= ${now}${of} AND EXISTS (SELECT 1 FROM snapshot AS s
        WHERE s.authority_id = l.authority_id AND s.subject = l.entity_id AND s.state = 'valid' AND s.exp > ${now})
    ) AS ranked WHERE place <= ${perHost} ORDER BY due_at LIMIT ${limit}`);
  if (keys.length === 0) return [];
  return readByList(
    keys.map(({ authority: id, entity }) => [id, entity]),
    (pairs) =>
      db
        .select()
        .from(superiorListing)
        .where(sql`(authority_id, entity_id) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(${pairs}))`),
  );
}
