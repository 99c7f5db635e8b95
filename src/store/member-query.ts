import { and, asc, count, eq, gt, max, type SQL, sql } from 'drizzle-orm';
import { containsText, listHasAny } from './conditions.js';
import type { Database } from './database.js';
import { member, type MemberState, organization } from './schema.js';

/** What members are looked for by, and what is counted of them, beyond the words of the query builder. */

/** The claims in the statement about it do not have this one. */
export const saysNothingOf = (claim: string): SQL => sql`json_extract(${member.claims}, ${sql.raw(`'$.${claim}'`)}) IS NULL`;

/** Organizations that have this text in their legal name. */
export const organizationHas = (authorityId: string, text: string): SQL => sql`authority_id = ${authorityId} AND ${containsText(sql`legal_name`, text)}`;

/** The organization with this id or legal name. */
export const ofOrganization = (authorityId: string, idOrName: string): SQL =>
  sql`authority_id = ${authorityId} AND (id = ${idOrName} OR legal_name = ${idOrName})`;

/** Is a member's organization one of these? */
export const isOfOrganization = (which: SQL): SQL => sql`organization_id IN (SELECT id FROM organization WHERE ${which})`;

/** Is there any of these? */
export const someOrganization = async (db: Database, which: SQL): Promise<boolean> =>
  (await db.select({ id: organization.id }).from(organization).where(which).limit(1)).length > 0;

/** How many members an authority has in each state. */
export async function membersByState(db: Database, authorityId: string): Promise<Readonly<Record<string, number>>> {
  const rows = await db.select({ state: member.state, n: count() }).from(member).where(eq(member.authorityId, authorityId)).groupBy(member.state);
  return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
}

/** Of the members in a state that come after an identifier so many at most: how many they are, and the last of them. */
export async function countAfter(
  db: Database,
  authorityId: string,
  state: MemberState,
  from: string,
  most: number,
): Promise<{ readonly n: number; readonly last: string }> {
  const some = db
    .select({ entityId: member.entityId })
    .from(member)
    .where(and(eq(member.authorityId, authorityId), eq(member.state, state), gt(member.entityId, from)))
    .orderBy(asc(member.entityId))
    .limit(most)
    .as('some');
  const [row] = await db.select({ n: count(), last: max(some.entityId) }).from(some);
  return { n: Number(row?.n ?? 0), last: row?.last ?? '' };
}

/** How many active members have subordinates of their own. */
export async function countIntermediates(db: Database, authorityId: string): Promise<number> {
  const [row] = await db
    .select({ n: count() })
    .from(member)
    .where(and(eq(member.authorityId, authorityId), eq(member.state, 'active'), eq(member.intermediate, true)));
  return row?.n ?? 0;
}

/** How many active members have told their Entity Types, and how many of them are of each type. */
export async function declaredTypes(
  db: Database,
  authorityId: string,
): Promise<{ readonly members: number; readonly declared: Readonly<Record<string, number>> }> {
  const known = and(eq(member.authorityId, authorityId), eq(member.state, 'active'), listHasAny(member.entityTypes));
  const [all] = await db.select({ n: count() }).from(member).where(known);
  const declared = await db
    .select({ type: sql<string>`one.value`, n: count() })
    .from(sql`${member}, json_each(${member.entityTypes}) AS one`)
    .where(known)
    .groupBy(sql`one.value`);
  return { members: all?.n ?? 0, declared: Object.fromEntries(declared.map(({ type, n }) => [type, n])) };
}
