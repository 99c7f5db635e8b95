import { newId } from '../../keys/random.js';
import { barThem, unbarredOf } from '../../store/barred.js';
import type { Deployment } from '../call.js';

/**
 * Bar the identifiers of those of these members who were revoked by a version that knows no bars, running beside this one while
 * a deployment is brought up. It adds no decision: the chain says that they were revoked. Gives how many.
 */
export async function barRevoked({ store }: Pick<Deployment, 'store'>, memberIds: readonly string[]): Promise<number> {
  const found = await unbarredOf(store.db, memberIds);
  if (found.length) await store.write([barThem(found.map((one) => ({ ...one, id: newId('bar') })))]);
  return found.length;
}
