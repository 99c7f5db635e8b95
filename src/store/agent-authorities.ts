import { and, eq, isNotNull, ne, type SQL, sql } from 'drizzle-orm';
import { type Database, raw, type Statement } from './database.js';
import { onlyWhile } from './only-while.js';
import { authority, LINES, member } from './schema.js';
import { backSince, cutAbove, endAbove, standsAbove } from './stands-above.js';
import { lasts, memberEnd, NEVER, NUMBER } from './words.js';

/** Authorities for the agents of a member: while what is above them stands, so do they. */

/** Whether what is above an authority stands, for typed queries: 1 or 0. */
export const standing: SQL<number> = sql.raw(`CASE WHEN ${standsAbove('authority')} THEN 1 ELSE 0 END`) as SQL<number>;

/** When what is above it ends by itself, for typed queries; `NEVER` where nothing is. */
export const ends: SQL<number> = sql.raw(endAbove('authority')) as SQL<number>;

/** Of an authority: what is above it adds to the `cut` of what is issued, when all of it was back last, and when that above ends by itself (`NEVER`: it does not). */
export async function aboveOf(db: Database, authorityId: string): Promise<{ readonly cut: number; readonly back: number | null; readonly until: number }> {
  const [row] = await db
    .select({ cut: sql<number>`${sql.raw(cutAbove('authority'))}`, back: sql<number | null>`${sql.raw(backSince('authority'))}`, until: ends })
    .from(authority)
    .where(eq(authority.id, authorityId))
    .limit(1);
  return { cut: Number(row?.cut ?? 0), back: row?.back == null ? null : Number(row.back), until: Number(row?.until ?? NEVER) };
}

/** Whoever lives: it is in force, or may come to be, and its end has not come. Parameters: authority, the time. */
const LIVING = `SELECT count(*) FROM member WHERE authority_id = ? AND state IN ('applied', 'vetting', 'approved', 'active', 'suspended') AND ${lasts(memberEnd())}`;
/** Parameters: authority, since when twice. What was made since then was written since then. */
const MADE = `SELECT count(*) FROM member WHERE authority_id = ?
  AND state IN ('applied', 'vetting', 'approved', 'active', 'suspended', 'revoked', 'archived', 'refused', 'withdrawn') AND updated_at > ${NUMBER} AND created_at > ${NUMBER}`;

const DAY = 86_400;

/** So many more may be made, by what the authority's own row allows then. */
export const whileRoomForAgents = (authorityId: string, now: number, more: number): Statement =>
  onlyWhile(
    authorityId,
    `(${LIVING}) + ${NUMBER} <= (SELECT agents_living FROM authority WHERE id = ?) AND (${MADE}) + ${NUMBER} <= (SELECT agents_per_day FROM authority WHERE id = ?)`,
    authorityId,
    now,
    more,
    authorityId,
    authorityId,
    now - DAY,
    now - DAY,
    more,
    authorityId,
  );

/** What is above stands, in the commit. */
export const whileStanding = (authorityId: string): Statement =>
  onlyWhile(authorityId, `EXISTS (SELECT 1 FROM authority AS a WHERE a.id = ? AND a.state = 'active' AND ${standsAbove('a')})`, authorityId);

/** How many agents live, and how many were made within the last day. */
export async function countAgents(db: Database, authorityId: string, now: number): Promise<{ readonly living: number; readonly made: number }> {
  const states = sql.raw("'applied', 'vetting', 'approved', 'active', 'suspended'");
  const ended = sql.raw("'revoked', 'archived', 'refused', 'withdrawn'");
  const [row] = await db.all<{ living: number; made: number }>(sql`SELECT
    (SELECT count(*) FROM member WHERE authority_id = ${authorityId} AND state IN (${states}) AND coalesce(${sql.raw(memberEnd())}, ${NEVER}) > ${now}) AS living,
    (SELECT count(*) FROM member WHERE authority_id = ${authorityId} AND state IN (${states}, ${ended}) AND updated_at > ${now - DAY} AND created_at > ${now - DAY}) AS made`);
  return { living: Number(row?.living ?? 0), made: Number(row?.made ?? 0) };
}

/** The authority for the agents of a member that is not retired, and whether what is above it stands, and has not ended. */
export async function agentAuthorityOf(db: Database, holderId: string, now: number) {
  const [found] = await db
    .select({ row: authority, stands: standing, until: ends })
    .from(authority)
    .where(and(eq(authority.agentsBy, holderId), ne(authority.state, 'retired')))
    .limit(1);
  return found && { row: found.row, stands: found.stands === 1 && Number(found.until) > now && found.row.state === 'active' };
}

/** Agents that are in force and whose time has come, of one authority or of several. */
export const lapsedAgents = (db: Database, now: number, limit: number) =>
  db
    .select({ id: member.id, authorityId: member.authorityId })
    .from(authority)
    // In this order: members of other authorities are many, and most of them have no end.
    .crossJoin(member)
    .where(
      and(
        isNotNull(authority.agentsOf),
        ne(authority.state, 'retired'),
        eq(member.authorityId, authority.id),
        eq(member.state, 'active'),
        isNotNull(member.validUntil),
        sql`${member.validUntil} <= ${now}`,
      ),
    )
    .orderBy(authority.id, member.entityId)
    .limit(limit);

const COMES_BACK = `agents_of IS NOT NULL AND (agents_as IN (SELECT value FROM json_each(?)) OR agents_by IN (SELECT value FROM json_each(?)))`;

/** Lists of authorities for agents say who came back when: what was signed before is not served any more. */
const listsMoved = (which: string, now: number, ...params: unknown[]): Statement =>
  raw(
    `UPDATE artefact SET withheld = 'status_moved', renew_at = ${NUMBER}, lease_until = 0 WHERE kind = 'status_list' AND authority_id IN (SELECT id FROM authority WHERE ${which})`,
    now,
    ...params,
  );

/** The authority above comes back. */
export const agentListsMoved = (above: string, now: number): Statement => listsMoved('agents_of = ?', now, above);

/** Members above come back: what was found about the agents that they answer for, here and above, is looked at anew, soon. */
export function agentsDue(memberIds: readonly string[], now: number): readonly Statement[] {
  const ids = JSON.stringify(memberIds);
  const due = [
    `authority_id IN (SELECT id FROM authority WHERE ${COMES_BACK})`,
    `(authority_id, entity_id) IN (SELECT a.agents_of, m.entity_id FROM authority AS a CROSS JOIN member AS m WHERE ${COMES_BACK} AND m.authority_id = a.id AND m.state = 'active')`,
  ].map((which) => raw(`UPDATE known_entity SET due_at = ${NUMBER}, lease_until = 0, attempts = 0, line = ${LINES.changed} WHERE ${which}`, now, ids, ids));
  return [...due, listsMoved(COMES_BACK, now, ids, ids)];
}

/** What is said above of agents got another ceiling: the statements about them are signed anew, soon. Chains are bounded by it at once. */
export const agentStatementsDue = (membershipIds: readonly string[], now: number): Statement =>
  raw(
    `UPDATE artefact SET renew_at = ${NUMBER}, lease_until = 0 WHERE kind = 'statement' AND authority_id IN
       (SELECT id FROM authority WHERE agents_of IS NOT NULL AND agents_as IN (SELECT value FROM json_each(?)))`,
    now,
    JSON.stringify(membershipIds),
  );
