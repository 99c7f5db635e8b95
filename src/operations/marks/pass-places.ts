import { endedPlaces, passEnded } from '../../store/mark-places.js';
import type { Deployment } from '../call.js';

/**
 * Look at the places of marks that have ended by time since the last turn, each once: where another grant in force has the same
 * place, it is held for that one, and the renewal puts a mark into it.
 * @returns how many were looked at
 */
export async function passEndedPlaces(deployment: Deployment, limit: number): Promise<number> {
  const { store } = deployment;
  const now = deployment.now();
  const places = await endedPlaces(store.db, now, limit);
  if (places.length === 0 || !(await deployment.turns.claim(deployment, 'renewal'))) return 0;
  await store.write(passEnded(places, now));
  return places.length;
}
