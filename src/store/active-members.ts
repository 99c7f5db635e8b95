import { sql } from 'drizzle-orm';
import type { Database } from './database.js';

/** The next active members of an authority, counted along the index. @returns how many, and the last of them; null: none */
export async function countActiveAfter(
  db: Database,
  authorityId: string,
  after: string,
  most: number,
): Promise<{ readonly n: number; readonly last: string | null }> {
  const [slice]: { n: number; last: string | null }[] = await db.all(sql`
        SELECT count(*) AS n, max(entity_id) AS last FROM (
          SELECT entity_id FROM member WHERE authority_id = ${authorityId} AND state = 'active' AND entity_id > ${after} ORDER BY entity_id LIMIT ${most}) AS slice`);
  return slice ?? { n: 0, last: null };
}
