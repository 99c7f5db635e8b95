import { type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.js';

/** What rows say about each other, whose tables no index or artefact is made from. At most `most` rows a rule. */
export interface Contradiction {
  readonly authorityId: string;
  readonly what: string;
}

const OF_NOBODY = (table: string, what: string, orElse = ''): SQL =>
  sql.raw(`SELECT k.authority_id AS "authorityId", ${what} AS what FROM ${table} AS k
    WHERE NOT EXISTS (SELECT 1 FROM member AS m WHERE m.id = k.member_id AND m.authority_id = k.authority_id)${orElse}`);
/** An applicant proves keys before there is a member. */
const NOR_APPLICANT = ' AND NOT EXISTS (SELECT 1 FROM application AS a WHERE a.id = k.member_id AND a.authority_id = k.authority_id)';

/** Rows about members and proposals that are not there. */
export const ROWS_OF_NOBODY = {
  key_standing: OF_NOBODY('key_standing', "k.member_id || ' ' || k.thumbprint", NOR_APPLICANT),
  key_challenge: OF_NOBODY('key_challenge', 'k.id', NOR_APPLICANT),
  status_entry: OF_NOBODY('status_entry', "k.kind || ' ' || k.subject_id"),
  software_statement: OF_NOBODY('software_statement', 'k.jti'),
  initial_access_token: OF_NOBODY('initial_access_token', 'k.jti'),
  client_registration: OF_NOBODY('client_registration', "k.client_id || ' ' || k.server"),
  barred_identifier: OF_NOBODY('barred_identifier', 'k.entity_id'),
  registration_event: sql`SELECT DISTINCT k.authority_id AS "authorityId", k.entity_id AS what FROM registration_event AS k
    WHERE NOT EXISTS (SELECT 1 FROM member AS m WHERE m.authority_id = k.authority_id AND m.entity_id = k.entity_id)`,
  authority: sql`SELECT k.id AS "authorityId", k.slug AS what FROM authority AS k WHERE k.agents_of IS NOT NULL AND (
    NOT EXISTS (SELECT 1 FROM member AS m WHERE m.id = k.agents_as AND m.authority_id = k.agents_of AND m.entity_id = k.entity_id)
    OR NOT EXISTS (SELECT 1 FROM member AS m WHERE m.id = k.agents_by AND m.authority_id = k.agents_of))`,
  approval: sql`SELECT coalesce(p.authority_id, 'deployment') AS "authorityId", k.proposal_id AS what FROM approval AS k LEFT JOIN proposal AS p ON p.id = k.proposal_id
    WHERE p.id IS NULL OR p.decision_digest <> k.decision_digest`,
} as const;

/** A bar is over, or whoever has the identifier has ended; nothing is said about it. */
export const BARRED_AND_LIVING = sql`SELECT b.authority_id AS "authorityId", b.entity_id AS what FROM barred_identifier AS b
  WHERE b.readmitted_at IS NULL AND (EXISTS (SELECT 1 FROM member AS m WHERE m.authority_id = b.authority_id AND m.entity_id = b.entity_id
      AND m.state NOT IN ('revoked', 'archived'))
    OR EXISTS (SELECT 1 FROM artefact AS a WHERE a.authority_id = b.authority_id AND a.kind IN ('statement', 'hosted') AND a.key = b.entity_id))`;

/** Nobody who is here has a key that was halted there or everywhere, but by a person who waived that. */
export const HALTED_AND_BOUND = sql`SELECT k.authority_id AS "authorityId", m.entity_id || ' ' || k.thumbprint AS what FROM halted_key AS h
  JOIN member_key AS k ON k.thumbprint = h.thumbprint AND (h.authority_id = k.authority_id OR h.authority_id = 'deployment')
  JOIN member AS m ON m.id = k.member_id AND m.state NOT IN ('revoked', 'archived', 'refused', 'withdrawn') AND instr(m.waived, 'key_halted') = 0`;

/** What one person decided another one has decided too. */
export const DECIDED_BY_TOO_FEW = sql`SELECT p.authority_id AS "authorityId", p.id AS what FROM proposal AS p
  WHERE (SELECT count(DISTINCT a.person_id) FROM approval AS a WHERE a.proposal_id = p.id AND a.verdict = 'approve')
    < CASE p.state WHEN 'done' THEN 2 WHEN 'open' THEN 1 ELSE 0 END`;

/** Members with bundles, their cells as they stand there. */
export const withBundles = (
  db: Database,
  after: string,
  most: number,
): Promise<readonly (Contradiction & { readonly id: string; readonly bundles: string })[]> =>
  db.all<{ id: string; authorityId: string; what: string; bundles: string }>(
    sql`SELECT id, authority_id AS "authorityId", entity_id AS what, bundles FROM member WHERE bundles <> '[]' AND id > ${after} ORDER BY id LIMIT ${most}`,
  );
export const bundleNames = async (db: Database): Promise<ReadonlySet<string>> =>
  new Set((await db.all<{ name: string }>(sql`SELECT authority_id || ' ' || name AS name FROM entitlement_bundle`)).map(({ name }) => name));

export const contradictions = (db: Database, rule: SQL, most: number): Promise<readonly Contradiction[]> =>
  db.all<{ authorityId: string; what: string }>(sql`${rule} LIMIT ${most}`);
