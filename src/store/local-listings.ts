import { and, asc, count, eq, gt, lte, type SQL, sql } from 'drizzle-orm';
import { memberLastsBeyond } from './conditions.js';
import type { Database } from './database.js';
import { rest } from './piece-by-piece.js';
import { listedEntity, member } from './schema.js';
import type { SuperiorListing } from './superior-listings.js';

export interface Change {
  readonly come: readonly string[];
  readonly gone: readonly string[];
}

/** Rows compared at a time: others have as much time in between. */
const PAGE = 2000;

type Range = readonly [after: string, upTo: string | undefined];

/**
 * Range after range of the identifiers in a column, until there are no more.
 * @param edge the last one of the next page
 */
async function* ranges(edge: (after: string) => PromiseLike<readonly { readonly id: string }[]>): AsyncGenerator<Range> {
  for (let after = ''; ; ) {
    const begun = performance.now();
    const [last] = await edge(after);
    yield [after, last?.id];
    if (!last) return;
    after = last.id;
    await rest(begun);
  }
}

const isListed = (authorityId: string, now: number): SQL | undefined =>
  and(eq(member.authorityId, authorityId), eq(member.state, 'active'), memberLastsBeyond(now));

/**
 * Whom an authority of this deployment lists beside those that are noted of it, and who of these is listed no more. The two are compared
 * where they lie: nothing is read of those that stay, however many.
 * @param own the authority; undefined: it is there no more, or lists nobody
 * @param now seconds since the epoch
 * @param most that are noted of one
 * @returns `many`: it took several pages
 */
export async function localChange(
  db: Database,
  { authorityId, entityId: superior }: Pick<SuperiorListing, 'authorityId' | 'entityId'>,
  own: string | undefined,
  { now, most }: { readonly now: number; readonly most: number },
): Promise<Change & { readonly many: boolean }> {
  const noted = and(eq(listedEntity.authorityId, authorityId), eq(listedEntity.superior, superior));
  const within = (column: typeof listedEntity.entityId | typeof member.entityId, [after, upTo]: Range) =>
    and(gt(column, after), upTo === undefined ? undefined : lte(column, upTo));
  const gone: string[] = [];
  let pages = 0;
  const notedUpTo = (after: string) =>
    db
      .select({ id: listedEntity.entityId })
      .from(listedEntity)
      .where(and(noted, gt(listedEntity.entityId, after)))
      .orderBy(asc(listedEntity.entityId))
      .limit(1)
      .offset(PAGE - 1);
  const stays =
    own === undefined ? sql`1 = 0` : sql`EXISTS (SELECT 1 FROM member WHERE member.entity_id = ${listedEntity}.entity_id AND ${isListed(own, now)})`;
  for await (const range of ranges(notedUpTo)) {
    pages++;
    const rows = await db
      .select({ id: listedEntity.entityId })
      .from(listedEntity)
      .where(and(noted, within(listedEntity.entityId, range), sql`NOT (${stays})`));
    gone.push(...rows.map(({ id }) => id));
  }
  const [before] = await db.select({ n: count() }).from(listedEntity).where(noted);
  const room = most - (before?.n ?? 0) + gone.length;
  const come: string[] = [];
  if (own === undefined || room <= 0) return { come, gone, many: pages > 1 };
  const memberUpTo = (after: string) =>
    db
      .select({ id: member.entityId })
      .from(member)
      .where(and(eq(member.authorityId, own), gt(member.entityId, after)))
      .orderBy(asc(member.entityId))
      .limit(1)
      .offset(PAGE - 1);
  const isNoted = sql`EXISTS (SELECT 1 FROM listed_entity AS l WHERE l.authority_id = ${authorityId} AND l.superior = ${superior} AND l.entity_id = ${member}.entity_id)`;
  for await (const range of ranges(memberUpTo)) {
    pages++;
    const rows = await db
      .select({ id: member.entityId })
      .from(member)
      .where(and(isListed(own, now), within(member.entityId, range), sql`NOT (${isNoted})`))
      .orderBy(asc(member.entityId))
      .limit(room - come.length);
    come.push(...rows.map(({ id }) => id));
    if (come.length >= room) break;
  }
  return { come, gone, many: pages > 2 };
}
