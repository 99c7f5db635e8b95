import { getTableColumns } from 'drizzle-orm';
import { insertRows } from './bulk.js';
import type { Statement } from './database.js';
import { member } from './schema.js';

/**
 * The only writes of the member table; a test looks for others. `operations/members/write-member.ts` is the only caller, so
 * no verb can forget what has to go with a member.
 */
type MemberRow = typeof member.$inferSelect;

/** What a row is found by never changes. */
const FIXED = ['id', 'authority_id', 'entity_id'];
const REPLACE = `ON CONFLICT (id) DO UPDATE SET ${Object.values(getTableColumns(member))
  .map(({ name }) => name)
  .filter((name) => !FIXED.includes(name))
  .map((name) => `"${name}" = excluded."${name}"`)
  .join(', ')}`;

/** Insert members, or write them over the rows that bear their ids. */
export const putMembers = (rows: readonly MemberRow[]): readonly Statement[] => (rows.length === 0 ? [] : [insertRows(member, rows, REPLACE)]);
