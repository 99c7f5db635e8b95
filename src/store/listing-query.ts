import { standsAbove } from './stands-above.js';
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
    AND mark.withheld IS NULL AND min(mark.exp, coalesce(mark.cap, mark.exp)) > ?`;

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

/**
 * A page of the extended listing; undefined: nothing can be on it.
 * @param all when the last change was made that reaches every statement
 */
export function extendedQuery({ updatedAfter: after, updatedBefore: before, ...filter }: ExtendedFilter, all: number, now: number) {
  if (before !== undefined && before < all) return undefined;
  const { where, params } = listConditions(filter, now);
  const since = after !== undefined && after > all;
  if (since) {
    where.push('member.updated_at >= ?');
    params.push(after);
  }
  if (before !== undefined) {
    where.push('member.updated_at <= ?');
    params.push(before);
  }
  const more = where.map((one) => ` AND ${one}`).join('');
  // What changed since a moment is few among many: they are sorted, the others not even looked at.
  return {
    sql: `SELECT member.entity_id, member.created_at, member.updated_at, nullif(${memberEnd('member.')}, ${NEVER}) AS ends, s.bytes AS statement, s.exp, s.withheld FROM member ${since ? 'INDEXED BY member_updated' : ''}
      JOIN artefact AS s ON s.authority_id = member.authority_id AND s.kind = 'statement' AND s.key = member.entity_id AND s.variant = ''
      WHERE member.authority_id = ? AND member.state = 'active' AND member.entity_id >= ? AND ${lasts(memberEnd('member.'))}${more} ORDER BY member.entity_id LIMIT ?`,
    params,
  };
}
