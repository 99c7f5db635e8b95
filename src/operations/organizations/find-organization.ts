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

/** One organization with its members counted by state. */
export async function getOrganization(call: Call, slug: string, id: string): Promise<OrganizationRow & { readonly members: Readonly<Record<string, number>> }> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const row = await organizationOrRefuse(call, (await findAuthority(db, slug)).id, id);
  const counted = await db
    .select({ state: member.state, n: count() })
    .from(member)
    .where(and(eq(member.authorityId, row.authorityId), eq(member.organizationId, row.id)))
    .groupBy(member.state);
  return { ...row, members: Object.fromEntries(counted.map(({ state, n }) => [state, n])) };
}

export interface OrganizationReach {
  readonly members: number;
  readonly marks: number;
}

/** Count what a halt of an organization would reach; changes nothing. */
export async function organizationReach(call: Call, slug: string, id: string): Promise<OrganizationReach> {
  const { members, authorityId, id: organizationId } = await getOrganization(call, slug, id);
  const { db } = call.store;
  const active = db
    .select({ id: member.id })
    .from(member)
    .where(and(eq(member.authorityId, authorityId), eq(member.organizationId, organizationId), only(member.state, 'active')));
  const [marks] = await db
    .select({ n: count() })
    .from(trustMark)
    .where(and(inArray(trustMark.memberId, active), isNull(trustMark.revokedAt), gt(trustMark.exp, call.now())));
  return { members: members['active'] ?? 0, marks: marks?.n ?? 0 };
}
