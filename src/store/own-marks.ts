import { type SQL, sql } from 'drizzle-orm';
import { insertWith } from './bulk.js';
import type { Statement } from './database.js';
import { ownTrustMark } from './schema.js';

/** Marks of other issuers that an authority shows. */

/** In the place of the one of that type and issuer that was shown before. */
export const putOwnMark = (row: typeof ownTrustMark.$inferInsert): Statement =>
  insertWith(
    ownTrustMark,
    [row],
    'ON CONFLICT (authority_id, trust_mark_type, iss) DO UPDATE SET bytes = excluded.bytes, exp = excluded.exp, checked_at = excluded.checked_at, problem = excluded.problem',
  );

/** Less is left of it than half of what was left at the last look. */
export const pastHalf = (now: number): SQL => sql`${ownTrustMark.exp} - ${now} < (${ownTrustMark.exp} - ${ownTrustMark.checkedAt}) / 2`;
