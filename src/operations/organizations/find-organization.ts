import { and, count, eq, gt, inArray, isNull } from 'drizzle-orm';
import { member, type organization, trustMark } from '../../store/schema.js';
import { allow, type Call } from '../call.js';
import { only } from '../../store/only.js';
import { Refusal } from '../refusal.js';
import { findAuthority, findOrganization } from '../registry.js';

export type OrganizationRow = typeof organization.$inferSelect;

/** By our id or by its legal name. @throws Refusal not_found */
export async function organizationOrRefuse({ store: { db } }: Pick<Call, 'store'>, authorityId: string, id: string): Promise<OrganizationRow> {
  const row = await findOrganization(db, authorityId, id);
  if (!row) throw new Refusal('not_found', 'this authority knows no such organization; see: holdfast organization list');
  return row;
}

/** Members that are counted: whoever looks at an organization in an emergency waits for no million. */
const COUNTED = 10_000;

/** An organization with its members counted by state. */
export interface CountedOrganization extends OrganizationRow {
  readonly members: Readonly<Record<string, number>>;
  /** There are more than were counted. */
  readonly atLeast: boolean;
}

/** One organization with its members counted by state. */
export async function getOrganization(call: Call, slug: string, id: string): Promise<CountedOrganization> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const row = await organizationOrRefuse(call, (await findAuthority(db, slug)).id, id);
  const some = db
    .select({ state: member.state })
    .from(member)
    .where(and(eq(member.authorityId, row.authorityId), eq(member.organizationId, row.id)))
    .limit(COUNTED)
    .as('some_of_it');
  const counted = await db.select({ state: some.state, n: count() }).from(some).groupBy(some.state);
  return {
    ...row,
    members: Object.fromEntries(counted.map(({ state, n }) => [state, n])),
    atLeast: counted.reduce((sum, { n }) => sum + n, 0) === COUNTED,
  };
}

export interface OrganizationReach {
  readonly members: number;
  readonly marks: number;
  /** There are more than were counted. */
  readonly atLeast: boolean;
}

/** Count what a halt of an organization would reach; changes nothing. */
export async function organizationReach(call: Call, slug: string, id: string): Promise<OrganizationReach> {
  const { members, authorityId, id: organizationId, atLeast } = await getOrganization(call, slug, id);
  const { db } = call.store;
  const active = db
    .select({ id: member.id })
    .from(member)
    .where(and(eq(member.authorityId, authorityId), eq(member.organizationId, organizationId), only(member.state, 'active')))
    .limit(COUNTED);
  const [marks] = await db
    .select({ n: count() })
    .from(trustMark)
    .where(and(inArray(trustMark.memberId, active), isNull(trustMark.revokedAt), gt(trustMark.exp, call.now())));
  return { members: members['active'] ?? 0, marks: marks?.n ?? 0, atLeast };
}
