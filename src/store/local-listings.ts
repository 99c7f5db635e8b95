import { and, asc, count, eq, type SQL, sql } from 'drizzle-orm';
import { memberLastsBeyond } from './conditions.js';
import type { Database } from './database.js';
import { listedEntity, member } from './schema.js';
import type { SuperiorListing } from './superior-listings.js';

export interface Change {
  readonly come: readonly string[];
  readonly gone: readonly string[];
}

const isListed = (authorityId: string, now: number): SQL | undefined =>
  and(eq(member.authorityId, authorityId), eq(member.state, 'active'), memberLastsBeyond(now));

/**
 * Whom an authority of this deployment lists beside those that are noted of it, and who of these is listed no more. The two are compared
 * where they lie: nothing is read of those that stay, however many.
 * @param own the authority; undefined: it is there no more, or lists nobody
 * @param now seconds since the epoch
 * @param most that are noted of one
 */
export async function localChange(
  db: Database,
  { authorityId, entityId: superior }: Pick<SuperiorListing, 'authorityId' | 'entityId'>,
  own: string | undefined,
  { now, most }: { readonly now: number; readonly most: number },
): Promise<Change> {
  const noted = and(eq(listedEntity.authorityId, authorityId), eq(listedEntity.superior, superior));
  const gone = await db
    .select({ id: listedEntity.entityId })
    .from(listedEntity)
    .where(
      own === undefined
        ? noted
        : and(noted, sql`NOT EXISTS (SELECT 1 FROM member WHERE member.entity_id = ${listedEntity}.entity_id AND ${isListed(own, now)})`),
    )
    .orderBy(asc(listedEntity.entityId));
  const [before] = await db.select({ n: count() }).from(listedEntity).where(noted);
  const room = most - (before?.n ?? 0) + gone.length;
  if (own === undefined || room <= 0) return { come: [], gone: gone.map(({ id }) => id) };
  const come = await db
    .select({ id: member.entityId })
    .from(member)
    .where(
      and(
        isListed(own, now),
        sql`NOT EXISTS (SELECT 1 FROM listed_entity AS l WHERE l.authority_id = ${authorityId} AND l.superior = ${superior} AND l.entity_id = ${member}.entity_id)`,
      ),
    )
    .orderBy(asc(member.entityId))
    .limit(room);
  return { come: come.map(({ id }) => id), gone: gone.map(({ id }) => id) };
}
