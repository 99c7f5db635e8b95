import { type Unconfirmed, unconfirmed } from '../../store/standing.js';
import type { Deployment } from '../call.js';
import { Refusal } from '../refusal.js';

/** Why nothing is signed and served, to a person. */
export const whyWithheld = ({ reason }: Unconfirmed): string =>
  reason === 'restored' ? 'this database was restored from a backup' : 'the events of this database end earlier than they did before';

/**
 * Nothing is signed from a history that a person has not confirmed: whom the lost events cut off would be vouched for again.
 * @throws Refusal not_confirmed
 */
export async function expectConfirmed({ store: { db } }: Pick<Deployment, 'store'>): Promise<void> {
  const standing = await unconfirmed(db);
  if (standing)
    throw new Refusal(
      'not_confirmed',
      `${whyWithheld(standing)}, and nobody has confirmed it: nothing is signed. Look at it with: holdfast restore status, then: holdfast restore confirm`,
    );
}
