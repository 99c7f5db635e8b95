import { getTableColumns } from 'drizzle-orm';
import { insertRows, insertWith } from './bulk.js';
import { raw, type Statement } from './database.js';
import { overList } from './lots.js';
import { member, memberKey } from './schema.js';

/**
 * The only writes of the member table and of what is kept beside it; a test looks for others. Who calls them cannot forget
 * what has to go with a member.
 */
type MemberRow = typeof member.$inferSelect;

/** What a row is found by never changes. */
const FIXED = ['id', 'authority_id', 'entity_id'];
/** Once it has a place in a status list it keeps it: one that was given since the row was read is not taken away. */
const KEPT = ['status_list', 'status_idx'];
const REPLACE = `ON CONFLICT (id) DO UPDATE SET ${Object.values(getTableColumns(member))
  .map(({ name }) => name)
  .filter((name) => !FIXED.includes(name))
  .map((name) => `"${name}" = ${KEPT.includes(name) ? `coalesce(member."${name}", excluded."${name}")` : `excluded."${name}"`}`)
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
 * @param fresh whose ids were made for this: of them nothing can be kept yet
 */
export const putMembers = (rows: readonly MemberRow[], keys: readonly KeysOf[], fresh: ReadonlySet<string>): readonly Statement[] =>
  rows.length === 0
    ? []
    : [
        insertWith(member, rows, REPLACE),
        ...(keys.length
          ? [
              overList(
                'DELETE FROM member_key WHERE member_id IN (SELECT value FROM json_each(?))',
                keys.flatMap(({ memberId }) => (fresh.has(memberId) ? [] : [memberId])),
              ),
              insertRows(memberKey, keyRows(keys)),
            ]
          : []),
      ];

/** The words of a reason go; the member stays as it is. @param subjectId the member, or with what it was suspended */
export const forgetStateReason = (subjectId: string, reason: string): Statement =>
  raw('UPDATE member SET state_reason = NULL WHERE (id = ? OR suspended_with = ?) AND instr(state_reason, ?) > 0', subjectId, subjectId, reason);

/** The name under which `setting` says up to which member id the rows of before are indexed; none: all are. */
export const INDEXED_TO = 'members_indexed_to';

export interface Indexed {
  readonly memberId: string;
  readonly spelling: string;
  /** The keys as they were read: when they are others by now, their write has indexed them. */
  readonly jwks: string;
  /** Null where the keys cannot be read: what is on record of them stays. */
  readonly thumbprints: readonly string[] | null;
}

/**
 * Make the indexes say of these members what their rows say.
 * @param last the id up to which all are indexed; null: all are, and what is left of members that are gone goes too
 */
export const indexRows = (rows: readonly Indexed[], last: string | null): readonly Statement[] => {
  const read = rows.filter(({ thumbprints }) => thumbprints !== null).map(({ memberId, jwks, thumbprints }) => ({ memberId, jwks, thumbprints }));
  const same = `json_each(?) AS new JOIN member AS m ON m.id = json_extract(new.value, '$.memberId') AND m.jwks = json_extract(new.value, '$.jwks')`;
  return [
    overList(
      `UPDATE member SET spelling = json_extract(new.value, '$.spelling') FROM json_each(?) AS new
       WHERE member.id = json_extract(new.value, '$.memberId') AND member.spelling IS DISTINCT FROM json_extract(new.value, '$.spelling')`,
      rows.map(({ memberId, spelling }) => ({ memberId, spelling })),
    ),
    overList(
      `DELETE FROM member_key WHERE (thumbprint, member_id) IN (SELECT k.thumbprint, k.member_id FROM ${same} JOIN member_key AS k ON k.member_id = m.id
         WHERE NOT EXISTS (SELECT 1 FROM json_each(json_extract(new.value, '$.thumbprints')) AS t WHERE t.value = k.thumbprint))`,
      read,
    ),
    overList(
      `INSERT INTO member_key (thumbprint, member_id, authority_id)
       SELECT t.value, m.id, m.authority_id FROM ${same} JOIN json_each(json_extract(new.value, '$.thumbprints')) AS t ON true WHERE true ON CONFLICT DO NOTHING`,
      read,
    ),
    ...(last === null
      ? [
          raw('DELETE FROM member_key WHERE NOT EXISTS (SELECT 1 FROM member AS m WHERE m.id = member_key.member_id)'),
          raw('DELETE FROM setting WHERE name = ?', INDEXED_TO),
        ]
      : [raw('UPDATE setting SET value = ? WHERE name = ?', last, INDEXED_TO)]),
  ];
};

/** Index all members anew, from the first one. */
export const indexAnew = (): Statement => raw("INSERT INTO setting (name, value) VALUES (?, '') ON CONFLICT (name) DO UPDATE SET value = ''", INDEXED_TO);
