import { asc, isNull } from 'drizzle-orm';
import { homeOf } from '../../federation/place.js';
import { givePlace } from '../../store/authority-places.js';
import { byArrival } from '../../store/conditions.js';
import { authority } from '../../store/schema.js';
import type { Deployment } from '../call.js';

/**
 * Authorities that were made before places were kept get theirs. Where several have one, the oldest gets it: it is the one
 * that answers there.
 * @returns identifiers of those that answer nowhere, because an older one has their place
 */
export async function fillPlaces({ store, development }: Pick<Deployment, 'store' | 'development'>): Promise<readonly string[]> {
  const without = () => store.db.select().from(authority).where(isNull(authority.place)).orderBy(asc(authority.createdAt), byArrival());
  const rows = await without();
  if (rows.length === 0) return [];
  await store.write(rows.map(({ id, entityId }) => givePlace(id, homeOf(entityId, development))));
  return (await without()).map(({ entityId }) => entityId);
}
