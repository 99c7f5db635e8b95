import { insertWith } from './bulk.js';
import type { Statement } from './database.js';
import { overList } from './lots.js';
import { memberWatch } from './schema.js';

/** A look writes what it owns. What a person has decided since it read stays: a hold is exchanged only while that is the same. */
const REPLACE = `ON CONFLICT (member_id) DO UPDATE SET ${['checked_at', 'ok_at', 'failures', 'metadata', 'configuration_iat', 'configuration_exp', 'raised', 'counting'].map((name) => `${name} = excluded.${name}`).join(', ')},
  hold = CASE WHEN member_watch.dismissed IS NOT DISTINCT FROM excluded.dismissed THEN excluded.hold ELSE member_watch.hold END`;

export const putWatch = (row: typeof memberWatch.$inferInsert): Statement => insertWith(memberWatch, [row], REPLACE);

/** Nothing is left that watching found of these members. */
export const dropWatches = (memberIds: readonly string[]): Statement =>
  overList('DELETE FROM member_watch WHERE member_id IN (SELECT value FROM json_each(?))', memberIds);
