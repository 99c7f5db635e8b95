import type { RegistrationEventType } from '../../federation/entry.js';
import { jsonEqual } from '../../federation/strict-json.js';
import type { MemberRow } from '../registry.js';

/**
 * What a write of a member's row makes of the subordinate, in the words of the Federation Subordinate Events Endpoint draft. A
 * resumption is a registration: the draft has no word for it, and from then on the statement stands again. Of one that is not
 * in force nothing changes: there is no statement about it.
 */
export function became(before: MemberRow | undefined, after: MemberRow): readonly RegistrationEventType[] {
  const [was, is] = [before?.state, after.state];
  if (is === 'active' && was !== 'active') return ['registration'];
  if (is === 'active' && before) return updates(before, after);
  if (is === 'suspended' && was === 'active') return ['suspension'];
  if (is === 'revoked' && (was === 'active' || was === 'suspended')) return ['revocation'];
  return [];
}

/** What it may ask for is said in the metadata policy of its statement. */
export const entitledAlike = (before: MemberRow, after: MemberRow): boolean =>
  jsonEqual(before.entitlements, after.entitlements) && jsonEqual(before.bundles, after.bundles);

function updates(before: MemberRow, after: MemberRow): readonly RegistrationEventType[] {
  return [
    ...(jsonEqual(before.jwks, after.jwks) ? [] : (['jwks_update'] as const)),
    ...(jsonEqual(before.metadata, after.metadata) ? [] : (['metadata_update'] as const)),
    ...(entitledAlike(before, after) ? [] : (['metadata_policy_update'] as const)),
  ];
}
