import { type SQL, sql } from 'drizzle-orm';
import type { Database } from './database.js';

/** What of members was handed out and may be kept by others, whatever is cut here. Each question is answered by index. */

/** A select of member ids. */
export type Whom = SQL;
export const membersNamed = (ids: readonly string[]): Whom => sql`SELECT value FROM json_each(${JSON.stringify(ids)})`;
export const activeOfOrganization = (authorityId: string, organizationId: string): Whom =>
  sql`SELECT id FROM member WHERE authority_id = ${authorityId} AND organization_id = ${organizationId} AND state || '' = 'active'`;

export interface HandedOut {
  readonly count: number;
  /** The latest `exp`; null where there is none. */
  readonly until: number | null;
  /** There may be more: so many were looked at. */
  readonly more?: boolean;
}

interface Row {
  readonly kind?: string;
  readonly n: number | null;
  readonly until: number | null;
}
const handedOut = (row: Row | undefined): HandedOut => ({ count: Number(row?.n ?? 0), until: row?.until == null ? null : Number(row.until) });

/** Statements about members, configurations of theirs that are served here, and their marks, wherever those were issued. */
export async function handedOutOf(
  db: Database,
  whom: Whom,
  now: number,
): Promise<{ readonly statements: HandedOut; readonly hosted: HandedOut; readonly marks: HandedOut; readonly opening: HandedOut }> {
  const rows = await db.all<Row>(
    sql`SELECT kind, count(*) AS n, max(exp) AS until FROM artefact WHERE member_id IN (${whom}) AND kind IN ('statement', 'hosted') GROUP BY kind`,
  );
  // By the members: those that have not ended are too many.
  const [marks] = await db.all<Row>(
    sql`SELECT count(*) AS n, max(exp) AS until FROM trust_mark WHERE member_id IN (${whom}) AND revoked_at IS NULL AND coalesce(exp, 0) > ${now}`,
  );
  const of = (kind: string) => handedOut(rows.find((row) => row.kind === kind));
  return { statements: of('statement'), hosted: of('hosted'), marks: handedOut(marks), opening: await openingOf(db, sql`member_id IN (${whom})`, now) };
}

/** Software statements and initial access tokens that open a registration still, as far as a server knows that asks nobody. */
async function openingOf(db: Database, where: SQL, now: number): Promise<HandedOut> {
  const { software_statements: statements, initial_access_tokens: tokens, until } = await heldOf(db, where, now);
  return { count: statements + tokens, until };
}

/** What authorization servers hold of members, and what could still make them hold more. */
export interface HeldAsClients {
  readonly clients: number;
  /** By server, the most first; at most so many as are told. */
  readonly servers: readonly { readonly server: string; readonly clients: number }[];
  readonly software_statements: number;
  readonly initial_access_tokens: number;
  /** The latest `exp` of these two; null where there is none. */
  readonly until: number | null;
}
const SERVERS_TOLD = 20;

async function heldOf(db: Database, where: SQL, now: number): Promise<Omit<HeldAsClients, 'clients' | 'servers'>> {
  const [row] = await db.all<Readonly<Record<'statements' | 'tokens' | 'first' | 'second', number | null>>>(
    sql`SELECT
      (SELECT count(*) FROM software_statement WHERE ${where} AND exp > ${now} AND revoked_at IS NULL) AS statements,
      (SELECT max(exp) FROM software_statement WHERE ${where} AND exp > ${now} AND revoked_at IS NULL) AS first,
      (SELECT count(*) FROM initial_access_token WHERE ${where} AND exp > ${now} AND revoked_at IS NULL AND redeemed_at IS NULL) AS tokens,
      (SELECT max(exp) FROM initial_access_token WHERE ${where} AND exp > ${now} AND revoked_at IS NULL AND redeemed_at IS NULL) AS second`,
  );
  const ends = [row?.first, row?.second].flatMap((end) => (end == null ? [] : [Number(end)]));
  return { software_statements: Number(row?.statements ?? 0), initial_access_tokens: Number(row?.tokens ?? 0), until: ends.length ? Math.max(...ends) : null };
}

/** By the members, whatever became of them. */
export const ofTheseMembers = (whom: Whom): SQL => sql`member_id IN (${whom})`;
export const allOfOrganization = (authorityId: string, organizationId: string): Whom =>
  sql`SELECT id FROM member WHERE authority_id = ${authorityId} AND organization_id = ${organizationId}`;
export const allNamed = (authorityId: string, entityIds: readonly string[]): Whom =>
  sql`SELECT id FROM member WHERE authority_id = ${authorityId} AND entity_id IN (SELECT value FROM json_each(${JSON.stringify(entityIds)}))`;
export const ofThisAuthority = (authorityId: string): SQL => sql`authority_id = ${authorityId}`;

/** @param where one of the conditions above */
export async function heldAsClients(db: Database, where: SQL, now: number): Promise<HeldAsClients> {
  const servers = await db.all<{ readonly server: string; readonly n: number }>(
    sql`SELECT server, count(*) AS n FROM client_registration WHERE ${where} AND ended_at IS NULL GROUP BY server ORDER BY count(*) DESC, server`,
  );
  return {
    clients: servers.reduce((sum, { n }) => sum + Number(n), 0),
    servers: servers.slice(0, SERVERS_TOLD).map(({ server, n }) => ({ server, clients: Number(n) })),
    ...(await heldOf(db, where, now)),
  };
}

/** Marks of one type. */
export async function handedOutOfType(db: Database, authorityId: string, type: string, now: number): Promise<HandedOut> {
  const [row] = await db.all<Row>(
    sql`SELECT count(*) AS n, max(exp) AS until FROM trust_mark WHERE authority_id = ${authorityId} AND trust_mark_type = ${type} AND revoked_at IS NULL AND coalesce(exp, 0) > ${now}`,
  );
  return handedOut(row);
}

/** The largest `exp` that any key of an authority ever signed, and that of its configurations: kept by what is published. */
export async function latestOfAuthority(db: Database, authorityId: string): Promise<number | null> {
  const rows = await db.all<{ readonly until: number | null }>(
    sql`SELECT max(signed_until) AS until FROM authority_key WHERE authority_id = ${authorityId}
      UNION ALL SELECT configuration_exp AS until FROM authority WHERE id = ${authorityId}`,
  );
  const times = rows.flatMap(({ until }) => (until == null ? [] : [Number(until)]));
  return times.length ? Math.max(...times) : null;
}

/** Resolve responses, of whatever authority here, that rest on the statements about these members. */
export async function answersResting(db: Database, whom: Whom): Promise<HandedOut> {
  const [row] = await db.all<Row>(
    sql`SELECT count(*) AS n, max(a.exp) AS until FROM artefact AS a WHERE a.kind = 'resolve' AND (a.authority_id, a.key) IN
      (SELECT l.authority_id, l.subject FROM member AS m JOIN snapshot_link AS l ON l.issuer_id = m.authority_id AND l.kind = 'statement' AND l.key = m.entity_id
       WHERE m.id IN (${whom}))`,
  );
  return handedOut(row);
}

export interface Below {
  /** Of these members, those that have subordinates. */
  readonly intermediates: number;
  /** Entities whose chains to an anchor here go through one of them, as evaluated. */
  readonly below: number;
  /** Other authorities here under which the same entity is active. */
  readonly authorities: number;
}

/** What hangs on these members beside what is about themselves. @param readable other authorities that are counted */
export async function hangingOn(db: Database, whom: Whom, readable: readonly string[]): Promise<Below> {
  const [row] = await db.all<{ readonly intermediates: number; readonly below: number; readonly authorities: number }>(
    sql`SELECT
      (SELECT count(*) FROM member AS m WHERE m.id IN (${whom}) AND m.intermediate = 1) AS intermediates,
      (SELECT count(*) FROM (
         SELECT l.subject AS entity FROM member AS m JOIN snapshot_link AS l ON l.issuer_id = m.authority_id AND l.kind = 'statement' AND l.key = m.entity_id
           WHERE m.id IN (${whom}) AND l.subject <> l.key
         UNION SELECT x.entity_id FROM authority AS a CROSS JOIN member AS x
           WHERE x.authority_id = a.id AND x.state = 'active' AND a.agents_of IS NOT NULL AND a.state = 'active' AND (a.agents_as IN (${whom}) OR a.agents_by IN (${whom}))) AS entities) AS below,
      (SELECT count(DISTINCT o.authority_id) FROM member AS m JOIN member AS o ON o.spelling = m.spelling AND o.entity_id = m.entity_id AND o.authority_id <> m.authority_id
         WHERE m.id IN (${whom}) AND o.state || '' = 'active' AND o.authority_id IN (SELECT value FROM json_each(${JSON.stringify(readable)}))) AS authorities`,
  );
  return { intermediates: Number(row?.intermediates ?? 0), below: Number(row?.below ?? 0), authorities: Number(row?.authorities ?? 0) };
}

/** Statements that still stand there about the members of an organization. */
export async function statementsOfOrganization(db: Database, authorityId: string, organizationId: string): Promise<number> {
  const [row] = await db.all<Row>(
    sql`SELECT count(*) AS n FROM artefact WHERE kind = 'statement' AND member_id IN
      (SELECT id FROM member WHERE authority_id = ${authorityId} AND organization_id = ${organizationId})`,
  );
  return Number(row?.n ?? 0);
}

/** Statements that are served about members who have a key. @param authorityId undefined: wherever it is bound */
export async function statementsWithKey(db: Database, thumbprint: string, authorityId: string | undefined, now: number): Promise<number> {
  const [row] = await db.all<Row>(
    sql`SELECT count(*) AS n FROM member_key AS k JOIN artefact AS a ON a.member_id = k.member_id
      WHERE k.thumbprint = ${thumbprint} AND a.kind = 'statement' AND a.withheld IS NULL AND a.exp > ${now}
        ${authorityId === undefined ? sql`` : sql`AND k.authority_id = ${authorityId}`}`,
  );
  return Number(row?.n ?? 0);
}

/** The largest `exp` that any key of these authorities ever signed, and that of their configurations. */
export async function latestOfAuthorities(db: Database, authorityIds: readonly string[]): Promise<number | null> {
  const listed = sql`(SELECT value FROM json_each(${JSON.stringify(authorityIds)}))`;
  const rows = await db.all<{ readonly until: number | null }>(
    sql`SELECT max(signed_until) AS until FROM authority_key WHERE authority_id IN ${listed}
      UNION ALL SELECT max(configuration_exp) AS until FROM authority WHERE id IN ${listed}`,
  );
  const times = rows.flatMap(({ until }) => (until == null ? [] : [Number(until)]));
  return times.length ? Math.max(...times) : null;
}
