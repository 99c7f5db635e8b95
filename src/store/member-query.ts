import { and, count, eq, type SQL, sql } from 'drizzle-orm';
import { containsText, listHasAny } from './conditions.js';
import type { Database } from './database.js';
import { member } from './schema.js';

/** What members are looked for by, and what is counted of them, beyond the words of the query builder. */

/** The claims in the statement about it do not have this one. */
export const saysNothingOf = (claim: string): SQL => sql`json_extract(${member.claims}, ${sql.raw(`'$.${claim}'`)}) IS NULL`;

/** Its organization has this text in its legal name. */
export const organizationHas = (authorityId: string, text: string): SQL =>
  sql`organization_id IN (SELECT id FROM organization WHERE authority_id = ${authorityId} AND ${containsText(sql`legal_name`, text)})`;

/** Its organization is the one with this id or legal name. */
export const ofOrganization = (authorityId: string, idOrName: string): SQL =>
  sql`organization_id IN (SELECT id FROM organization WHERE authority_id = ${authorityId} AND (id = ${idOrName} OR legal_name = ${idOrName}))`;

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
