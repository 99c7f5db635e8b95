import { and, eq, inArray, isNotNull, ne, notInArray, type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.js';
import { inLot, readByList } from './lots.js';
import { authority, ENDED_STATES, member, memberKey, type MemberState, organization } from './schema.js';

/** Who is looked for among members by something that an index says of them. */

/** Others that are named; a key that thousands share is no longer answer than one that two share. */
export const NAMED = 3;

/** By thumbprint, up to a few members that have it: read from the index alone. */
export const HOLDERS = `SELECT k.value AS thumbprint,
  (SELECT '[' || coalesce(string_agg(json_quote(member_id), ','), '') || ']' FROM (SELECT member_id FROM member_key WHERE thumbprint = k.value LIMIT ${NAMED + 1}) AS held) AS ids
  FROM json_each(?) AS k`;

/** The Entity Identifiers of a few members that have each of these keys, anywhere in the deployment. */
export async function holdersOf(db: Database, thumbprints: readonly string[]): Promise<Map<string, string[]>> {
  const [text, tail = ''] = HOLDERS.split('?') as [string, string];
  const found = await readByList(thumbprints, (lot) => db.all<{ thumbprint: string; ids: string }>(sql`${sql.raw(text)}${lot}${sql.raw(tail)}`));
  const rows = await readByList(
    found.flatMap(({ ids }) => JSON.parse(ids) as string[]),
    (ids) => db.select({ id: member.id, entityId: member.entityId }).from(member).where(inLot(member.id, ids)),
  );
  const names = new Map(rows.map(({ id, entityId }) => [id, entityId]));
  return new Map(found.map(({ thumbprint, ids }) => [thumbprint, (JSON.parse(ids) as string[]).flatMap((id) => names.get(id) ?? [])]));
}

/** Other members of an authority, not ended, that have one of these keys. */
export const othersBoundTo = async (db: Database, authorityId: string, memberId: string, thumbprints: readonly string[]) =>
  readByList(thumbprints, (lot) =>
    db
      .select({ thumbprint: memberKey.thumbprint, entityId: member.entityId, state: member.state })
      .from(memberKey)
      .innerJoin(member, eq(member.id, memberKey.memberId))
      .where(
        and(
          inLot(memberKey.thumbprint, lot),
          eq(memberKey.authorityId, authorityId),
          ne(memberKey.memberId, memberId),
          notInArray(member.state, [...ENDED_STATES]),
        ),
      )
      .limit(1),
  );

/** Members of an authority whose identifiers have one of these spellings. @param without states that do not count */
export const spelledSo = (db: Database, authorityId: string, spellings: readonly string[], without: readonly MemberState[]) =>
  readByList(spellings, (lot) =>
    db
      .select({ entityId: member.entityId, state: member.state, spelling: member.spelling })
      .from(member)
      .where(and(inLot(member.spelling, lot), at(authorityId), notInArray(member.state, [...without]))),
  );

/** Members of one authority; of any but these. Not by the index of authorities: whoever asks comes from a smaller one. */
export const at = (authorityId: string): SQL => sql`${member.authorityId} || '' = ${authorityId}`;
export const outside = (authorityIds: readonly string[]): SQL =>
  sql`${member.authorityId} || '' NOT IN (SELECT value FROM json_each(${JSON.stringify(authorityIds)}))`;

/**
 * Organizations and authorities that suspended members and are active now. An index says which there are.
 * @param where those members are
 */
export async function sourcesThatCameBack(db: Database, source: string | undefined, where: SQL): Promise<readonly string[]> {
  const all = await db
    .selectDistinct({ id: sql<string>`suspended_with` })
    .from(member)
    .where(and(source === undefined ? isNotNull(member.suspendedWith) : eq(member.suspendedWith, source), where))
    .limit(500);
  const active = await readByList(
    all.map(({ id }) => id),
    async (ids) => [
      ...(await db
        .select({ id: organization.id })
        .from(organization)
        .where(and(inLot(organization.id, ids), eq(organization.state, 'active')))),
      ...(await db
        .select({ id: authority.id })
        .from(authority)
        .where(and(inLot(authority.id, ids), eq(authority.state, 'active')))),
    ],
  );
  // So many at a time: D1 binds at most 100 values.
  return active.map(({ id }) => id).slice(0, 50);
}

/** One authority that has members to bring back, whom one of these suspended. @param where those members are */
export async function authorityOfSuspended(
  db: Database,
  sources: readonly string[],
  where: SQL,
): Promise<{ readonly authorityId: string; readonly slug: string } | undefined> {
  const [first] = await db
    .select({ authorityId: member.authorityId, slug: authority.slug })
    .from(member)
    .innerJoin(authority, eq(authority.id, member.authorityId))
    .where(and(inArray(member.suspendedWith, [...sources]), eq(member.state, 'suspended'), eq(authority.state, 'active'), where))
    .limit(1);
  return first;
}

/** Members of an authority that one of these suspended. */
export const suspendedWith = (db: Database, authorityId: string, sources: readonly string[], most: number) =>
  db
    .select()
    .from(member)
    .where(and(eq(member.authorityId, authorityId), inArray(member.suspendedWith, [...sources]), eq(member.state, 'suspended')))
    .limit(most);
