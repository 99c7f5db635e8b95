import { raw, type Statement } from './database.js';
import { overList } from './lots.js';
import type { member } from './schema.js';
import { number } from './words.js';

/** What is kept with members by predicate, and leaves their content and keys alone. */

/** What was signed about members, and what we serve of them, goes; their marks are seen to by those who issued them. */
export const dropSaidOf = (rows: readonly Pick<typeof member.$inferSelect, 'id'>[]): Statement =>
  overList(
    "DELETE FROM artefact WHERE member_id IN (SELECT value FROM json_each(?)) AND kind NOT IN ('mark', 'mark_status')",
    rows.map(({ id }) => id),
  );

/** The accreditations of active members end then. */
export const setAccreditedEnds = (ends: readonly { readonly memberId: string; readonly accreditedUntil: number | null }[]): Statement =>
  overList(
    `UPDATE member SET accredited_until = ${number('new.value', '$.accreditedUntil')} FROM json_each(?) AS new WHERE member.id = json_extract(new.value, '$.memberId')`,
    ends,
  );

/** It was told that somebody has to attest it anew, so many days before that end. */
export const noteReattestTold = (memberId: string, reattestBy: number, days: number): Statement =>
  raw('UPDATE member SET reattest_told = CAST(? AS NUMERIC) WHERE id = ? AND reattest_by = CAST(? AS NUMERIC)', days, memberId, reattestBy);

/** The rows of members say what is on record of their places in the status lists. */
export const notePlaces = (memberIds: readonly string[]): Statement =>
  overList(
    `UPDATE member SET status_list = e.list, status_idx = e.idx FROM status_entry AS e
     WHERE member.id IN (SELECT value FROM json_each(?)) AND e.authority_id = member.authority_id AND e.kind = 'member' AND e.subject_id = member.id`,
    memberIds,
  );
