import { asc, isNull, sql } from 'drizzle-orm';
import { homeOf } from '../../federation/place.js';
import { raw } from '../../store/database.js';
import { authority } from '../../store/schema.js';
import type { Deployment } from '../call.js';

/**
 * Authorities that were made before places were kept get theirs. Where several have one, the oldest gets it: it is the one
 * that answers there.
 * @returns identifiers of those that answer nowhere, because an older one has their place
 */
export async function fillPlaces({ store, development }: Pick<Deployment, 'store' | 'development'>): Promise<readonly string[]> {
  const without = () => store.db.select().from(authority).where(isNull(authority.place)).orderBy(asc(authority.createdAt), sql`rowid`);
  const rows = await without();
  if (rows.length === 0) return [];
  await store.write(
    rows.map(({ id, entityId }) => {
      const place = homeOf(entityId, development);
      return raw('UPDATE authority SET place = ? WHERE id = ? AND place IS NULL AND NOT EXISTS (SELECT 1 FROM authority WHERE place = ?)', place, id, place);
    }),
  );
  return (await without()).map(({ entityId }) => entityId);
}
