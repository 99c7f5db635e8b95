import type { Entitlement } from './entitlement.js';
import { entitlementKey } from './entitlement.js';

/**
 * The same of one list among several that a client has: what it holds adds to the others. So a grant type that is new in it may
 * be one more, where another list limits them.
 */
export const adds = (before: readonly Entitlement[], after: readonly Entitlement[]): boolean => {
  const had = new Set(before.map(entitlementKey));
  return !entitlementsNarrow(before, after) || after.some((one) => one.kind === 'grant_type' && !had.has(entitlementKey(one)));
};

/**
 * Does whoever has these entitlements get nothing that it could not have before? Undefined: it is not limited by entitlements.
 * A list without grant types limits none, so taking the last one away widens.
 */
export function entitlementsNarrow(before: readonly Entitlement[] | undefined, after: readonly Entitlement[] | undefined): boolean {
  if (before === undefined) return true;
  if (after === undefined) return false;
  const had = new Set(before.map(entitlementKey));
  const limited = (list: readonly Entitlement[]) => list.some(({ kind }) => kind === 'grant_type');
  if (limited(before) && !limited(after)) return false;
  return after.every((one) => {
    if (one.kind === 'grant_type' && !limited(before)) return true;
    return had.has(entitlementKey(one)) || (one.template !== undefined && had.has(entitlementKey({ kind: one.kind, value: one.value })));
  });
}
