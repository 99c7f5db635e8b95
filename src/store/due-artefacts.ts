import { and, gt, inArray, isNull, ne, or, type SQL, sql } from 'drizzle-orm';
import { limits } from '../federation/entry.js';
import { type Database, raw, type Statement } from './database.js';
import { artefact } from './schema.js';
import { NUMBERS_OF } from './words.js';

/** Which artefacts are to be signed anew, and when. */

/**
 * What a change reaches. Resuming an authority reaches all but marks (`standing`). A policy, a lifetime or a place is said in statements and nowhere else: signing marks anew for it
 * would only multiply them, since a renewed mark is another mark. Other keys reach everything.
 */
export const REACHES = ['statements', 'standing', 'all'] as const;
export type Reach = (typeof REACHES)[number];
export const within = (reach: Reach) =>
  reach === 'statements' ? inArray(artefact.kind, ['statement', 'entity_configuration']) : reach === 'standing' ? ne(artefact.kind, 'mark') : undefined;

/** Past its cap an artefact is served no more and never signed again; what a member signed is not ours to sign. */
export const renewable = (now: number) => and(ne(artefact.kind, 'hosted'), or(isNull(artefact.cap), gt(artefact.cap, now)));

/** Is a row among these? */
const among = (ids: readonly number[]): SQL => sql`id IN (SELECT CAST(value AS NUMERIC) FROM json_each(${JSON.stringify(ids)}))`;

/** Whoever signs these has the time until then. */
export const leaseArtefacts = (db: Database, ids: readonly number[], leaseUntil: number): Statement =>
  db.update(artefact).set({ leaseUntil }).where(among(ids));

/** Of an authority that is halted nothing is due any more, so that it stands in nobody's way; resuming it makes all of it due. */
export const restWhileHalted = (ids: readonly number[]): Statement =>
  raw(
    `UPDATE artefact SET renew_at = NULL WHERE id IN (${NUMBERS_OF}) AND (SELECT state FROM authority WHERE id = artefact.authority_id) <> 'active'`,
    JSON.stringify(ids),
  );

/**
 * What a row is set to that is due at once.
 * @param withheld what this compromised key signed, or all that has an end, is not served until it is signed anew; of that, an
 *   answer about others waits for its evaluation and not for a signature
 */
export function dueAtOnce(now: number, withheld: string | true | undefined) {
  if (withheld === undefined) return { renewAt: now };
  const [which, reason] = withheld === true ? [sql`exp IS NOT NULL`, 'authority_resumed'] : [sql`kid = ${withheld}`, 'key_revoked'];
  return {
    renewAt: sql`CASE WHEN kind = 'resolve' AND ${which} THEN NULL ELSE CAST(${now} AS NUMERIC) END`,
    withheld: sql`CASE WHEN ${which} THEN ${reason} ELSE withheld END`,
  };
}

/** What a row is set to whose end was moved: one that was signed for longer is withheld until it is signed anew. */
export const dueWithEnd = (end: number, now: number) => ({
  renewAt: now,
  leaseUntil: 0,
  cap: end,
  withheld: sql`CASE WHEN exp > ${end} THEN 'end_moved' ELSE withheld END`,
});

/** Marks are renewed when they would have been (operations/artefacts/publish.ts), those that ended or are withheld at once. @param where which of them; its parameters come last */
export const marksDueWhere = (where: string, now: number, ...params: readonly unknown[]): Statement =>
  raw(
    `UPDATE artefact SET lease_until = 0, renew_at = CASE WHEN exp <= ? OR withheld IS NOT NULL THEN ? WHEN exp >= cap THEN nullif(cap, ${limits.MAX_TIME}) ELSE iat + (exp - iat) / 2 END
     WHERE kind = 'mark' AND ${where}`,
    now,
    now,
    ...params,
  );

/**
 * How many artefacts are overdue for renewal by more than a quarter of their lifetime, those at their cap aside; at most
 * about `most`. A statement or configuration that is withheld or has ended is overdue at once, since nothing is served in its
 * place. Three indexes are read from their beginnings, so the cost does not grow with the number of artefacts: what is due for
 * longest, what is withheld, and what ends first.
 */
export async function countOverdue(db: Database, at: number, most: number): Promise<number> {
  const head = (which: SQL, order: SQL) =>
    sql`SELECT id FROM (SELECT id FROM artefact WHERE ${which} AND ${renewable(at)} ORDER BY ${order} LIMIT ${most}) AS first`;
  const rows = await db.all<{ n: number }>(sql`
    SELECT count(*) AS n FROM artefact
    WHERE id IN (${head(sql`renew_at < ${at}`, sql`renew_at, exp`)}
      UNION ALL ${head(sql`withheld IS NOT NULL AND renew_at <= ${at}`, sql`renew_at, exp`)}
      UNION ALL ${head(sql`renew_at IS NOT NULL AND exp >= 0`, sql`exp`)})
    AND (renew_at + (exp - iat) / 4 < ${at} OR ((withheld IS NOT NULL OR exp < ${at}) AND kind IN ('statement', 'entity_configuration')))`);
  return rows[0]?.n ?? 0;
}

/** How many artefacts are withheld until they are signed anew; at most `most`. */
export async function countWithheld(db: Database, at: number, most: number): Promise<number> {
  const [row] = await db.all<{ n: number }>(
    sql`SELECT count(*) AS n FROM (SELECT 1 FROM artefact WHERE withheld IS NOT NULL AND renew_at <= ${at} LIMIT ${most}) AS waiting`,
  );
  return row?.n ?? 0;
}
