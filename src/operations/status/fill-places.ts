import { notePlaces } from '../../store/member-ends.js';
import { membersWithoutPlace } from '../../store/status-lists.js';
import type { Deployment } from '../call.js';
import { giveStatusPlaces } from './give-places.js';

const SLICE = 250;

/**
 * Members that an earlier version took into force get their places; the statement about each says so when it is signed next.
 * @returns how many were looked at
 */
export async function fillStatusPlaces({ store, now }: Pick<Deployment, 'store' | 'now'>, limit = SLICE): Promise<number> {
  const members = await membersWithoutPlace(store.db, limit);
  for (const authorityId of new Set(members.map((one) => one.authorityId))) {
    const asked = members.filter((one) => one.authorityId === authorityId).map(({ id }) => ({ kind: 'member' as const, subjectId: id, memberId: id }));
    const { statements } = await giveStatusPlaces(store.db, authorityId, asked, now());
    await store.write([...statements, notePlaces(asked.map(({ memberId }) => memberId))]);
  }
  return members.length;
}
