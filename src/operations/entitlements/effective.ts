import { type Entitlement, entitlementsNarrow, type Result, withEntitlements } from '../../federation/entry.js';
import { success } from '../../federation/finding.js';
import { inOrder } from '../../federation/entitlements/entitlement.js';
import type { BundleRow } from '../../store/bundles.js';
import type { MemberRow } from '../registry.js';

/** What a member may ask for, of its own and of its bundles. Pure. */

export type Bundles = ReadonlyMap<string, Pick<BundleRow, 'entitlements' | 'state'>>;
export const NO_BUNDLES: Bundles = new Map();

export type Entitled = Pick<MemberRow, 'entitlements' | 'bundles'>;

/** Cells as they stand in the store; undefined: one of them is damaged, which fsck names. */
export function entitledIn({ entitlements, bundles }: { readonly entitlements: string | null; readonly bundles: string }): Entitled | undefined {
  try {
    return { entitlements: entitlements === null ? null : JSON.parse(entitlements), bundles: JSON.parse(bundles) };
  } catch {
    return undefined;
  }
}

/** All that a member is entitled to; undefined: nothing limits it. A bundle that has ended, or that nobody knows, gives nothing. */
export function entitledTo({ entitlements, bundles }: Entitled, known: Bundles): readonly Entitlement[] | undefined {
  if (entitlements === null && bundles.length === 0) return undefined;
  const given = bundles.flatMap((name) => {
    const bundle = known.get(name);
    return bundle?.state === 'active' ? bundle.entitlements : [];
  });
  return inOrder([...(entitlements ?? []), ...given]);
}

/**
 * What a member is entitled to where the authority itself is limited from above: of its own what that allows. Whom nothing limits
 * has that.
 * @param ceiling undefined: nothing is limited from above
 */
export function underCeiling<T extends Entitled>(member: T, known: Bundles, ceiling: readonly Entitlement[] | undefined): T {
  if (ceiling === undefined) return member;
  const grants = ceiling.filter(({ kind }) => kind === 'grant_type');
  const own = entitledTo(member, known)?.filter((one) => entitlementsNarrow(ceiling, [...grants, one]));
  return { ...member, entitlements: own ?? ceiling, bundles: [] };
}

/** The metadata policy in the statement about a member: the authority's, and in it what the member is entitled to. */
export function policyAbout(
  policy: Readonly<Record<string, unknown>>,
  member: Entitled & Pick<MemberRow, 'intermediate'>,
  known: Bundles,
  where?: string,
): Result<Readonly<Record<string, unknown>>> {
  const list = entitledTo(member, known);
  return list === undefined ? success(policy) : withEntitlements(policy, list, member.intermediate ? 'superior' : 'client', where);
}
