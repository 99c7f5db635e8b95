import type { Database } from '../../store/database.js';
import { type Granter, granters, quorumOf } from '../../store/people.js';
import { Refusal } from '../refusal.js';

/**
 * Somebody who can grant is left. Where two persons decide, a machine's key grants nothing that matters, so it has to be a
 * person. Asked in the chain of the deployment, into which everybody who goes writes.
 * @param goes which ways in end with this
 * @throws Refusal last_owner
 */
export async function expectGranterLeft(db: Database, goes: (one: Granter) => boolean): Promise<void> {
  const all = await granters(db);
  if (!all.some(goes)) return;
  const left = all.filter((one) => !goes(one));
  if (left.length === 0) throw new Refusal('last_owner', 'this is the last owner key, or the last person who is an owner; make another one first');
  const people = (some: readonly Granter[]) => some.some(({ personId }) => personId !== null);
  if (people(all) && !people(left) && (await quorumOf(db, null)) > 1)
    throw new Refusal('last_owner', 'this is the last person who can grant, and with quorum 2 a key of nobody grants nothing; make another owner first');
}
