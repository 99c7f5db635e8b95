import type { Decision } from '../../store/change.js';
import { allow, type Call, change } from '../call.js';
import { type AuthorityRow, findAuthority, findMember, type MemberRow } from '../registry.js';
import { expectLiving } from './candidates.js';

/**
 * A change that is about the keys of a member which has not ended, decided in its turn.
 * @throws Refusal permission_denied, not_found, wrong_state
 */
export async function changeKeysOf<T>(
  call: Call<T>,
  slug: string,
  id: string,
  decide: (member: MemberRow, authority: AuthorityRow) => Promise<Decision<T>>,
): Promise<T> {
  allow(call, 'enroll', slug);
  const { db } = call.store;
  const authority = await findAuthority(db, slug);
  const { entityId } = await findMember(db, authority.id, id);
  return change<T>(call, {
    authorityId: authority.id,
    scope: entityId,
    async decide() {
      const member = await findMember(db, authority.id, id);
      expectLiving(member);
      return decide(member, authority);
    },
  });
}
