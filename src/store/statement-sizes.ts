import { sql } from 'drizzle-orm';
import type { Database } from './database.js';

/** Active members about whom most is to be said: how many bytes of JSON their rows bring into a statement. */
export const largestMembers = (db: Database, authorityId: string, above: number, most: number) =>
  db.all<{ entityId: string; bytes: number }>(sql`SELECT * FROM (
    SELECT entity_id AS entityId, length(CAST(jwks AS BLOB)) + length(CAST(metadata AS BLOB)) + length(CAST(claims AS BLOB)) + length(CAST(constraints AS BLOB))
      + length(crit) + length(entity_id) + CASE WHEN hosted THEN 3 * length(entity_id) ELSE coalesce(length(ec_location), length(entity_id)) END AS bytes
    FROM member WHERE authority_id = ${authorityId} AND state = 'active') WHERE bytes > ${above} ORDER BY bytes DESC LIMIT ${most}`);
