import { memberIdsAfter, tellAsTheyAre, toldOtherwiseOf } from '../../store/registration-events.js';
import type { Deployment } from '../call.js';
import { othersTurn } from '../others-turn.js';
import { barRevoked } from './bar-revoked.js';

/** Members a turn looks at: a deployment of 10 000 is looked through in an hour, and D1 reads less than a million rows a day. */
const SHARE = 200;
/** Where they are read by this process itself, so many before somebody else has a turn. */
const AT_ONCE = 50;

/** Up to which member this process has looked. */
const lookedTo = new WeakMap<object, string>();

/**
 * Look at the next share of the members, round and round: what is told of each is what it is, and whoever was revoked is barred.
 * It differs after a version that does neither has worked beside this one. Gives how many were put right.
 */
export async function retellMembers({ store, now }: Pick<Deployment, 'store' | 'now'>, share = SHARE): Promise<number> {
  const ids = await memberIdsAfter(store.db, lookedTo.get(store) ?? '', share);
  lookedTo.set(store, ids.length < share ? '' : (ids.at(-1) ?? ''));
  const most = store.readsHere ? AT_ONCE : share;
  let righted = 0;
  for (let at = 0; at < ids.length; at += most) {
    if (at > 0) await othersTurn();
    const some = ids.slice(at, at + most);
    const barred = await barRevoked({ store }, some);
    const wrong = await toldOtherwiseOf(store.db, some);
    if (wrong.length) await store.write(tellAsTheyAre(wrong, now()));
    righted += wrong.length + barred;
  }
  return righted;
}
