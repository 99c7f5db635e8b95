import { sql } from 'drizzle-orm';
import { limits } from '../federation/entry.js';
import type { Database } from './database.js';

/** As policy for two Entity Types, with a default and a list each, entitlements are four times as long at most. */
const ENTITLED_BYTES = sql.raw(String(4 * limits.MAX_EFFECTIVE_ENTITLEMENTS_BYTES));

/** Active members about whom most is to be said: how many bytes of JSON their rows bring into a statement. */
export const largestMembers = (db: Database, authorityId: string, above: number, most: number) =>
  db.all<{ entityId: string; bytes: number }>(sql`SELECT * FROM (
    SELECT entity_id AS "entityId", octet_length(jwks) + octet_length(metadata) + octet_length(claims) + octet_length(constraints)
      + CASE WHEN bundles <> '[]' OR entitlements IS NOT NULL THEN ${ENTITLED_BYTES} ELSE 0 END
      + length(crit) + length(entity_id) + CASE WHEN hosted = 1 THEN 3 * length(entity_id) ELSE coalesce(length(ec_location), length(entity_id)) END AS bytes
    FROM member WHERE authority_id = ${authorityId} AND state = 'active') AS sizes WHERE bytes > ${above} ORDER BY bytes DESC LIMIT ${most}`);
