import { and, eq, ne } from 'drizzle-orm';
import { authority, organization } from '../../store/schema.js';
import type { Database } from '../../store/database.js';
import { expectAdmitted } from '../accreditations/admitted.js';
import { Refusal } from '../refusal.js';
import type { MemberRow } from '../registry.js';

/**
 * Nobody becomes active who lacks what its authority demands, or whose organization is halted.
 * @throws Refusal wrong_state, accreditation_not_in_force
 */
export async function expectMayBeActive(db: Database, member: MemberRow, now: number): Promise<void> {
  await expectNoneHalted(db, member);
  await expectAdmitted(db, member, now);
}

/**
 * Nobody becomes active whose organization is halted, nor an authority of this deployment that is: it comes back with that.
 * @throws Refusal wrong_state
 */
export async function expectNoneHalted(db: Database, { organizationId, entityId }: Pick<MemberRow, 'organizationId' | 'entityId'>): Promise<void> {
  await expectOrganizationActive(db, organizationId);
  const [own] = await db
    .select({ slug: authority.slug, state: authority.state })
    .from(authority)
    .where(and(eq(authority.entityId, entityId), ne(authority.state, 'active')))
    .limit(1);
  expectAuthorityActive(own);
}

/** @throws Refusal wrong_state */
export async function expectOrganizationActive(db: Database, organizationId: string | null): Promise<void> {
  if (organizationId === null) return;
  const [halted] = await db
    .select({ legalName: organization.legalName })
    .from(organization)
    .where(and(eq(organization.id, organizationId), eq(organization.state, 'halted')))
    .limit(1);
  if (halted) throw new Refusal('wrong_state', `its organization ${halted.legalName} is halted; resume that first: holdfast organization resume`);
}

/** An authority of this deployment that is not active. */
export type HaltedAuthority = Pick<typeof authority.$inferSelect, 'slug' | 'state'>;

/** @param own the authority that it is, where that is not active @throws Refusal wrong_state */
export function expectAuthorityActive(own: HaltedAuthority | undefined): void {
  if (own) throw new Refusal('wrong_state', `it is the authority ${own.slug} of this deployment, which is ${own.state}`);
}
