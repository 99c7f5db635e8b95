import { insertWith } from './bulk.js';
import type { Statement } from './database.js';
import { anchorPin } from './schema.js';

/** Pin a Trust Anchor. One that is pinned has these keys from now on, and nobody has looked at them yet. */
export const putPin = (row: typeof anchorPin.$inferInsert): Statement =>
  insertWith(
    anchorPin,
    [row],
    'ON CONFLICT (authority_id, entity_id) DO UPDATE SET jwks = excluded.jwks, note = excluded.note, created_by = excluded.created_by, checked_at = NULL, problem = NULL',
  );
