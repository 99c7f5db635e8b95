import { standsAbove } from './stands-above.js';
import { asColumn, isWithheld, isWithheldAlone } from './withheld.js';
import { lasts, memberEnd, NEVER } from './words.js';

/** What a listing is narrowed to. */
export interface ListFilter {
  readonly entityTypes: readonly string[];
  readonly intermediate: boolean;
  readonly trustMarked: boolean;
  /** Bears a valid mark of each of them. */
  readonly trustMarkTypes: readonly string[];
}

/** Times include their ends. */
export interface ExtendedFilter extends ListFilter {
  readonly updatedAfter: number | undefined;
  readonly updatedBefore: number | undefined;
}

/**
 * The member has a grant in force, and a mark of that type is served for the entity. Which of several memberships the mark was
 * issued for last is not asked: they have one place (mark-places.ts).
 */
const MARKED = `SELECT 1 FROM trust_mark_grant AS g
  CROSS JOIN authority AS i CROSS JOIN artefact AS mark
  WHERE i.id = g.authority_id AND i.state = 'active' AND ${standsAbove('i')}
    AND mark.authority_id = g.authority_id AND mark.kind = 'mark' AND mark.key = g.trust_mark_type || '\n' || g.entity_id AND mark.variant = ''
    AND g.member_id = member.id AND g.state = 'active' AND (g.valid_until IS NULL OR g.valid_until > ?)
    AND NOT ${isWithheld('mark', 'i')} AND min(mark.exp, coalesce(mark.cap, mark.exp)) > ?`;

/** The four filters of OpenID Federation 1.0 §8.2.1; several entity types are a union. */
function listConditions(
  { entityTypes, intermediate, trustMarked, trustMarkTypes }: ListFilter,
  now: number,
): { readonly where: string[]; readonly params: unknown[] } {
  const where: string[] = [];
  const params: unknown[] = [];
  if (intermediate) where.push('intermediate = 1');
  if (entityTypes.length) {
    where.push('EXISTS (SELECT 1 FROM json_each(member.entity_types) AS has WHERE has.value IN (SELECT value FROM json_each(?)))');
    params.push(JSON.stringify(entityTypes));
  }
  if (trustMarked) {
    where.push(`EXISTS (${MARKED})`);
    params.push(now, now);
  }
  for (const type of trustMarkTypes) {
    where.push(`EXISTS (${MARKED} AND g.trust_mark_type = ?)`);
    params.push(now, now, type);
  }
  return { where, params };
}

/** Most members have no end: that is asked first, since it costs least. */
const ENDLESS = 'coalesce(valid_until, keys_until, accredited_until, reattest_by) IS NULL';

/** A value of the rows that pass, null of the others. */
export const passing = (conditions: string, value: string): string => (conditions === '' ? value : `CASE WHEN ${conditions} THEN ${value} END`);

/**
 * A page as one row: what is `listed`, as JSON, how far it goes, and when the first of it `ends`. A million rows that are made one by one into
 * objects and then into text cost five times that.
 * @param rows `entity_id`, `listed` or null, `ends` or null, in order
 */
export const pageQuery = (rows: string): string =>
  `SELECT count(*) AS looked, max(entity_id) AS last, string_agg(json_quote(CAST(listed AS TEXT)), ',') FILTER (WHERE listed IS NOT NULL) AS json, min(ends) FILTER (WHERE listed IS NOT NULL) AS until FROM (${rows}) AS page`;

/**
 * So many members and whether each passes: a filter that nobody passes reads a page, not the table. Parameters of the
 * conditions come first, then authority, `after`, the time and the number of members.
 */
export function listQuery(filter: ListFilter, now: number) {
  const { where, params } = listConditions(filter, now);
  // Asked page by page: a list that is being streamed ends with a halt.
  const rows = `SELECT entity_id, ${passing(where.join(' AND '), 'entity_id')} AS listed, CASE WHEN ${ENDLESS} THEN NULL ELSE ${memberEnd()} END AS ends FROM member
      WHERE authority_id = (SELECT id FROM authority AS a WHERE id = ? AND state = 'active' AND ${standsAbove('a')}) AND state = 'active' AND entity_id > ? AND (${ENDLESS} OR ${memberEnd()} > ?) ORDER BY entity_id LIMIT ?`;
  return { sql: pageQuery(rows), params };
}

/** Members that are looked at at once for a page that most of them are not on. */
export const LOOKED_AT = 1000;
const ACTIVE_FROM = `FROM member WHERE authority_id = ? AND state = 'active'`;
/** Where so many active members end, from one on; that one, their number. */
export const LOT_END = `SELECT entity_id ${ACTIVE_FROM} AND entity_id >= ? ORDER BY entity_id LIMIT 1 OFFSET ?`;
/** How many have changed since, up to a number. */
export const CHANGED = `SELECT count(*) AS n FROM (SELECT 1 AS one FROM member INDEXED BY member_updated WHERE authority_id = ? AND state = 'active' AND updated_at >= ? LIMIT ?) AS few`;

/** What a page of the extended listing is looked up by; undefined: nothing can be on it. */
export interface ExtendedQuery {
  /** What changed since a moment; undefined: it is not asked, or everything has. */
  readonly since: number | undefined;
  /** Some of the members may not pass. */
  readonly narrowed: boolean;
  /** Parameters come in this order: authority, from, the time, `params`, how many; before the last one `to`, where it is bounded. */
  readonly sql: (by: { readonly time: boolean; readonly bounded: boolean }) => string;
  readonly params: readonly unknown[];
}

/** @param all when the last change was made that reaches every statement */
export function extendedQuery({ updatedAfter: after, updatedBefore: before, ...filter }: ExtendedFilter, all: number, now: number): ExtendedQuery | undefined {
  if (before !== undefined && before < all) return undefined;
  const { where, params } = listConditions(filter, now);
  const since = after !== undefined && after > all ? after : undefined;
  if (since !== undefined) {
    where.push('member.updated_at >= ?');
    params.push(since);
  }
  if (before !== undefined) {
    where.push('member.updated_at <= ?');
    params.push(before);
  }
  const more = where.map((one) => ` AND ${one}`).join('');
  return {
    since,
    narrowed: where.length > 0,
    // Where few have changed since a moment they are sorted, and the others not even looked at.
    sql: ({
      time,
      bounded,
    }) => `SELECT member.entity_id, member.created_at, member.updated_at, nullif(${memberEnd('member.')}, ${NEVER}) AS ends, s.bytes AS statement, s.exp, ${asColumn(isWithheldAlone('s'))} AS withheld FROM member ${time ? 'INDEXED BY member_updated' : ''}
      JOIN artefact AS s ON s.authority_id = member.authority_id AND s.kind = 'statement' AND s.key = member.entity_id AND s.variant = ''
      WHERE member.authority_id = ? AND member.state = 'active' AND member.entity_id >= ? AND ${lasts(memberEnd('member.'))}${more}${bounded ? ' AND member.entity_id < ?' : ''} ORDER BY member.entity_id LIMIT ?`,
    params,
  };
}
