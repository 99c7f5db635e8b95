import { getTableColumns } from 'drizzle-orm';
import { insertRows } from './bulk.js';
import { raw, type Statement } from './database.js';
import { member, memberKey } from './schema.js';

/**
 * The only writes of the member table and of what is kept beside it; a test looks for others. Who calls them cannot forget
 * what has to go with a member.
 */
type MemberRow = typeof member.$inferSelect;

/** What a row is found by never changes. */
const FIXED = ['id', 'authority_id', 'entity_id'];
const REPLACE = `ON CONFLICT (id) DO UPDATE SET ${Object.values(getTableColumns(member))
  .map(({ name }) => name)
  .filter((name) => !FIXED.includes(name))
  .map((name) => `"${name}" = excluded."${name}"`)
  .join(', ')}`;

/** The keys of one member, by RFC 7638 thumbprint. */
export interface KeysOf {
  readonly memberId: string;
  readonly authorityId: string;
  readonly thumbprints: readonly string[];
}

const keyRows = (keys: readonly KeysOf[]) =>
  keys.flatMap(({ memberId, authorityId, thumbprints }) => thumbprints.map((thumbprint) => ({ thumbprint, memberId, authorityId })));

/**
 * Insert members, or write them over the rows that bear their ids.
 * @param keys of those whose keys are new or other ones now
 */
export const putMembers = (rows: readonly MemberRow[], keys: readonly KeysOf[]): readonly Statement[] =>
  rows.length === 0
    ? []
    : [
        insertRows(member, rows, REPLACE),
        ...(keys.length
          ? [
              raw('DELETE FROM member_key WHERE member_id IN (SELECT value FROM json_each(?))', JSON.stringify(keys.map(({ memberId }) => memberId))),
              insertRows(memberKey, keyRows(keys)),
            ]
          : []),
      ];

/** The name under which `setting` says up to which member id the rows of before are indexed; none: all are. */
export const INDEXED_TO = 'members_indexed_to';

export interface Indexed extends KeysOf {
  readonly spelling: string | null;
  /** The keys as they were read: when they are others by now, their write has indexed them. */
  readonly jwks: string;
}

/** Fill in what rows of an earlier version lack. */
export const indexRows = (rows: readonly Indexed[], last: string | null): readonly Statement[] => [
  raw(
    `UPDATE member SET spelling = json_extract(new.value, '$.spelling') FROM json_each(?) AS new
     WHERE member.id = json_extract(new.value, '$.memberId') AND member.spelling IS NULL`,
    JSON.stringify(rows.map(({ memberId, spelling }) => ({ memberId, spelling }))),
  ),
  raw(
    `INSERT OR IGNORE INTO member_key (thumbprint, member_id, authority_id)
     SELECT t.value, m.id, m.authority_id FROM json_each(?) AS new
     JOIN member AS m ON m.id = json_extract(new.value, '$.memberId') AND m.jwks = json_extract(new.value, '$.jwks')
     JOIN json_each(json_extract(new.value, '$.thumbprints')) AS t`,
    JSON.stringify(rows.map(({ memberId, jwks, thumbprints }) => ({ memberId, jwks, thumbprints }))),
  ),
  last === null ? raw('DELETE FROM setting WHERE name = ?', INDEXED_TO) : raw('UPDATE setting SET value = ? WHERE name = ?', last, INDEXED_TO),
];
