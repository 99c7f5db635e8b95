import { type SQL, sql } from 'drizzle-orm';
import { insertWith, type NewArtefact, type PerRow, putArtefacts } from './bulk.js';
import { raw, type Statement } from './database.js';
import { overList } from './lots.js';
import { artefact, trustMark, trustMarkGrant } from './schema.js';

/** Grants, the marks issued from them, and what is said of each mark. */

/** A grant for a member that had one of that type before is in force again, with these ends and what it hangs on this time. */
export const putGrant = (row: typeof trustMarkGrant.$inferInsert): Statement =>
  insertWith(
    trustMarkGrant,
    [row],
    `ON CONFLICT (authority_id, trust_mark_type, member_id) DO UPDATE SET state = 'active', reason = NULL, valid_until = excluded.valid_until, accreditation_id = excluded.accreditation_id, created_by = excluded.created_by, updated_at = excluded.updated_at, v = excluded.v`,
  );

/** The mark that was put in its place still lies there. */
const liesInPlace: PerRow = (column) =>
  `EXISTS (SELECT 1 FROM artefact AS a WHERE a.authority_id = ${column('authority_id')} AND a.kind = 'mark' AND a.key = ${column('trust_mark_type')} || '\n' || ${column('entity_id')} AND a.variant = '' AND a.sha256 = ${column('sha256')})`;

/** A status answer is about a mark that nobody withdrew. */
const aboutMarkInForce: PerRow = (column) =>
  `EXISTS (SELECT 1 FROM trust_mark AS t WHERE t.authority_id = ${column('authority_id')} AND t.sha256 = ${column('key')} AND t.revoked_at IS NULL)`;

/**
 * A renewed mark is another mark, with a `jti` and status answers of its own. They appear only where the new mark has taken
 * its place: what a halt removed meanwhile stays removed.
 */
export const putRenewedMarks = (rows: readonly (typeof trustMark.$inferInsert)[], statuses: readonly NewArtefact[]): readonly Statement[] =>
  rows.length ? [insertWith(trustMark, rows, 'ON CONFLICT DO NOTHING', liesInPlace), ...putArtefacts(statuses, aboutMarkInForce)] : [];

/** The artefact of `artefact` lies at the place of the mark of `trust_mark`. */
export const atPlaceOfMark = (): SQL => sql`${artefact.key} = ${trustMark.trustMarkType} || '\n' || ${trustMark.entityId}`;

/** Known entities whose resolve responses carry one of these marks. @param sha256 a query of their hashes */
export const carriesMark = (issuerId: string, sha256: { getSQL(): SQL }): SQL =>
  sql`(authority_id, entity_id) IN (SELECT l.authority_id, l.subject FROM snapshot_link AS l WHERE l.issuer_id = ${issuerId} AND l.kind = 'mark_status' AND l.key IN ${sha256})`;

/**
 * Answers about these marks were signed and put. Withdrawn meanwhile: then the other answer is due. Keys changed meanwhile:
 * then it was not put, and is signed again.
 * @param due which answer it was
 */
export const statusesSigned = (due: number, jtis: readonly string[], { id, generation }: { readonly id: string; readonly generation: number }): Statement =>
  overList(
    'UPDATE trust_mark SET status_due = 0 WHERE status_due = ? AND jti IN (SELECT value FROM json_each(?)) AND EXISTS (SELECT 1 FROM authority WHERE id = ? AND generation = ?)',
    jtis,
    (lot) => [due, lot, id, generation],
  );

/** The mark in force of a grant, as the JSON text of [jti, exp]. */
export const markInForce = (now: number): SQL<string> =>
  sql`(SELECT '[' || json_quote(t.jti) || ',' || t.exp || ']' FROM trust_mark AS t WHERE t.grant_id = ${trustMarkGrant.id} AND t.revoked_at IS NULL AND t.exp > ${now} ORDER BY t.exp DESC, t.iat DESC LIMIT 1)`.mapWith(
    String,
  );

/** What is said of the status of marks that ended before, which are few: they are looked up first. Goes before the marks themselves. */
export const dropStatuses = (endedBefore: number): Statement =>
  raw(
    "DELETE FROM artefact WHERE id IN (SELECT a.id FROM trust_mark AS t CROSS JOIN artefact AS a WHERE t.exp < ? AND a.authority_id = t.authority_id AND a.kind = 'mark_status' AND a.key = t.sha256)",
    endedBefore,
  );
