import { type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.js';

/** How many bytes of JSON the row of a member brings into the statement about it, entitlements aside. */
export const saidBytes = (): SQL<number> => sql<number>`(octet_length(jwks) + octet_length(metadata) + octet_length(claims) + octet_length(constraints)
  + octet_length(crit) + octet_length(vouched_issuers) + octet_length(entity_id) + CASE WHEN hosted = 1 THEN 3 * octet_length(entity_id) ELSE coalesce(octet_length(ec_location), octet_length(entity_id)) END)`;

const valuesOf = (cell: string) =>
  `3 * length(${cell}) - length(replace(${cell}, ',', '')) - length(replace(${cell}, '{', '')) - length(replace(${cell}, '[', ''))`;

/** How many values of JSON it brings at most: a comma or bracket within a string is counted too. */
export const saidValues = (): SQL<number> =>
  sql<number>`(${sql.raw(['jwks', 'metadata', 'claims', 'constraints', 'crit', 'vouched_issuers'].map(valuesOf).join(' + '))})`;

/** Active members that no entitlements limit, about whom most is to be said: how many bytes of JSON their rows bring into a statement. */
export const largestMembers = (db: Database, authorityId: string, above: number, most: number) =>
  db.all<{ entityId: string; bytes: number }>(sql`SELECT * FROM (
    SELECT entity_id AS "entityId", ${saidBytes()} AS bytes
    FROM member WHERE authority_id = ${authorityId} AND state = 'active' AND bundles = '[]' AND entitlements IS NULL) AS sizes
    WHERE bytes > ${above} ORDER BY bytes DESC LIMIT ${most}`);
