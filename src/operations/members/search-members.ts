import { and, eq, inArray, or } from 'drizzle-orm';
import { hasBundle } from '../../store/bundles.js';
import { containsText, listHas } from '../../store/conditions.js';
import { countAfter, isOfOrganization, membersByState, ofOrganization, organizationHas, someOrganization } from '../../store/member-query.js';
import { member, MEMBER_STATES, type MemberState } from '../../store/schema.js';
import { allow, type Call } from '../call.js';
import { paced } from '../paced.js';
import type { Page, PageRequest } from '../read.js';
import { findAuthority, type MemberRow } from '../registry.js';
import { searchByEntity } from '../search-by-entity.js';

export interface MemberFilter extends PageRequest {
  readonly state?: readonly MemberState[] | undefined;
  /** Part of the identifier or of the organization's name. */
  readonly q?: string | undefined;
  readonly entityType?: string | undefined;
  readonly organization?: string | undefined;
  readonly intermediate?: boolean | undefined;
  /** Name of a bundle of entitlements that it has. */
  readonly bundle?: string | undefined;
}

/** Members that are counted at once. */
const COUNTED = 10_000;

/** Members of an authority by identifier. */
export async function listMembers(call: Call, slug: string, filter: MemberFilter): Promise<Page<MemberRow>> {
  allow(call, 'read', slug);
  const { store } = call;
  const { db } = store;
  const { id } = await findAuthority(db, slug);
  const { q, organization: of } = filter;
  if (of !== undefined && !(await someOrganization(db, ofOrganization(id, of)))) return { items: [], next: null };
  // Where no organization is called so, nobody's row has to be looked at for it.
  const called = q !== undefined && (await someOrganization(db, organizationHas(id, q)));
  const conditions = and(
    filter.state?.length ? inArray(member.state, [...filter.state]) : undefined,
    q === undefined ? undefined : or(containsText(member.entityId, q), called ? isOfOrganization(organizationHas(id, q)) : undefined),
    filter.entityType === undefined ? undefined : listHas(member.entityTypes, filter.entityType),
    of === undefined ? undefined : isOfOrganization(ofOrganization(id, of)),
    filter.bundle === undefined ? undefined : hasBundle(filter.bundle),
    filter.intermediate === undefined ? undefined : eq(member.intermediate, filter.intermediate),
  );
  const isSearch = [q, filter.entityType, of, filter.intermediate].some((one) => one !== undefined);
  return searchByEntity(store, 'member', { authorityId: id, conditions, isSearch }, filter);
}

/** How many members an authority has in each state. */
export async function countMembers(call: Call, slug: string): Promise<Readonly<Record<string, number>>> {
  allow(call, 'read', slug);
  const { store } = call;
  const { id } = await findAuthority(store.db, slug);
  if (!store.readsHere) return membersByState(store.db, id);
  const read = paced(store);
  const counts: Record<string, number> = {};
  for (const state of MEMBER_STATES)
    for (let from: string | undefined = ''; from !== undefined; ) {
      const after: string = from;
      const { n, last } = await read(() => countAfter(store.db, id, state, after, COUNTED));
      if (n > 0) counts[state] = (counts[state] ?? 0) + n;
      from = n === COUNTED ? last : undefined;
    }
  return counts;
}
