import { and, count, desc, eq, gt, isNull, lt, or, type SQL, sql } from 'drizzle-orm';
import { insertWith } from './bulk.js';
import { type Database, raw, type Statement } from './database.js';
import { authority, clientRegistration, initialAccessToken, member, softwareStatement } from './schema.js';
import { backSince, cutAbove, endAbove, standsAbove } from './stands-above.js';
import { NEVER, NUMBER } from './words.js';

/** Software statements, initial access tokens and the clients that came of them. */
export type SoftwareStatementRow = typeof softwareStatement.$inferSelect;
export type InitialAccessTokenRow = typeof initialAccessToken.$inferSelect;
export type ClientRegistrationRow = typeof clientRegistration.$inferSelect;

/** Of a member and its authority, what decides whether that is good which was signed about it. */
const STANDING = {
  entityId: member.entityId,
  state: member.state,
  validUntil: member.validUntil,
  keysUntil: member.keysUntil,
  accreditedUntil: member.accreditedUntil,
  reattestBy: member.reattestBy,
  notBefore: member.notBefore,
  entitlementVersion: member.entitlementVersion,
  issuer: authority.entityId,
  // Of one for agents nothing is good while what is above it does not stand.
  authorityState: sql<string | null>`CASE WHEN ${sql.raw(standsAbove('authority'))} THEN ${authority.state} ELSE 'stopped' END`,
  authorityNotBefore: sql<number | null>`${sql.raw(backSince('authority'))}`,
  /** As in what is signed now (`cutOf` and the member's): it only rises. */
  cut: sql<number>`${member.cut} + ${authority.cut} + (SELECT count(*) FROM authority_key AS k WHERE k.authority_id = ${authority.id} AND k.revoked_reason = 'compromised') + ${sql.raw(cutAbove('authority'))}`,
  endAbove: sql<number>`${sql.raw(endAbove('authority'))}`,
};
export interface MemberStanding {
  readonly entityId: string;
  readonly state: string;
  readonly validUntil: number | null;
  readonly keysUntil: number | null;
  readonly accreditedUntil: number | null;
  readonly reattestBy: number | null;
  readonly notBefore: number | null;
  readonly entitlementVersion: number;
  /** The Entity Identifier of the authority. */
  readonly issuer: string | null;
  readonly authorityState: string | null;
  readonly authorityNotBefore: number | null;
  readonly cut: number;
  /** When what an authority for agents rests on ends by itself. */
  readonly endAbove: number;
}
export interface IssuedStatement {
  readonly row: SoftwareStatementRow;
  readonly of: MemberStanding | null;
}
export interface IssuedToken {
  readonly row: InitialAccessTokenRow;
  readonly of: MemberStanding | null;
  /** The statement it is bound to; null where it is bound to none, or that is gone. */
  readonly statement: SoftwareStatementRow | null;
}
export interface ReportedClient {
  readonly row: ClientRegistrationRow;
  readonly of: MemberStanding | null;
}

/** Sums come as texts from some drivers. */
const numbered = (of: MemberStanding | null): MemberStanding | null =>
  of?.entityId == null ? null : { ...of, cut: Number(of.cut), endAbove: Number(of.endAbove ?? NEVER) };

/** How a member stands now. */
export async function standingOf(db: Database, memberId: string): Promise<MemberStanding | undefined> {
  const [row] = await db.select(STANDING).from(member).innerJoin(authority, eq(authority.id, member.authorityId)).where(eq(member.id, memberId)).limit(1);
  return numbered((row as MemberStanding | undefined) ?? null) ?? undefined;
}

export async function statementsWhere(db: Database, where: SQL | undefined, limit: number): Promise<IssuedStatement[]> {
  const rows = await db
    .select({ row: softwareStatement, of: STANDING })
    .from(softwareStatement)
    .leftJoin(member, eq(member.id, softwareStatement.memberId))
    .leftJoin(authority, eq(authority.id, softwareStatement.authorityId))
    .where(where)
    .orderBy(desc(softwareStatement.createdAt), desc(softwareStatement.jti))
    .limit(limit);
  return rows.map(({ row, of }) => ({ row, of: numbered(of as MemberStanding | null) }));
}

export async function tokensWhere(db: Database, where: SQL | undefined, limit: number): Promise<IssuedToken[]> {
  const rows = await db
    .select({ row: initialAccessToken, of: STANDING, statement: softwareStatement })
    .from(initialAccessToken)
    .leftJoin(member, eq(member.id, initialAccessToken.memberId))
    .leftJoin(authority, eq(authority.id, initialAccessToken.authorityId))
    .leftJoin(softwareStatement, eq(softwareStatement.jti, initialAccessToken.softwareStatementJti))
    .where(where)
    .orderBy(desc(initialAccessToken.createdAt), desc(initialAccessToken.jti))
    .limit(limit);
  return rows.map(({ row, of, statement }) => ({ row, of: numbered(of as MemberStanding | null), statement }));
}

export async function clientsWhere(db: Database, where: SQL | undefined, limit: number): Promise<ReportedClient[]> {
  const rows = await db
    .select({ row: clientRegistration, of: STANDING })
    .from(clientRegistration)
    .leftJoin(member, eq(member.id, clientRegistration.memberId))
    .leftJoin(authority, eq(authority.id, clientRegistration.authorityId))
    .where(where)
    .orderBy(desc(clientRegistration.registeredAt), desc(clientRegistration.server), desc(clientRegistration.clientId))
    .limit(limit);
  return rows.map(({ row, of }) => ({ row, of: numbered(of as MemberStanding | null) }));
}

/** Of a table with `jti` and `createdAt`: rows after that one in the order of the list. */
const afterRow = (table: typeof softwareStatement | typeof initialAccessToken, after: { readonly createdAt: number; readonly jti: string } | undefined) =>
  after && or(lt(table.createdAt, after.createdAt), and(eq(table.createdAt, after.createdAt), lt(table.jti, after.jti)));
const ofMember = (table: typeof softwareStatement | typeof initialAccessToken | typeof clientRegistration, id: string | undefined) =>
  id === undefined ? undefined : eq(table.memberId, id);

export const statementPage = (db: Database, authorityId: string, memberId: string | undefined, after: SoftwareStatementRow | undefined, limit: number) =>
  statementsWhere(db, and(eq(softwareStatement.authorityId, authorityId), ofMember(softwareStatement, memberId), afterRow(softwareStatement, after)), limit);
export const tokenPage = (db: Database, authorityId: string, memberId: string | undefined, after: InitialAccessTokenRow | undefined, limit: number) =>
  tokensWhere(db, and(eq(initialAccessToken.authorityId, authorityId), ofMember(initialAccessToken, memberId), afterRow(initialAccessToken, after)), limit);

export interface ClientQuery {
  readonly authorityId: string;
  readonly memberId?: string | undefined;
  readonly server?: string | undefined;
}
export const clientPage = (db: Database, { authorityId, memberId, server }: ClientQuery, after: ClientRegistrationRow | undefined, limit: number) =>
  clientsWhere(
    db,
    and(
      eq(clientRegistration.authorityId, authorityId),
      ofMember(clientRegistration, memberId),
      server === undefined ? undefined : eq(clientRegistration.server, server),
      after &&
        or(
          lt(clientRegistration.registeredAt, after.registeredAt),
          and(eq(clientRegistration.registeredAt, after.registeredAt), lt(clientRegistration.server, after.server)),
          and(
            eq(clientRegistration.registeredAt, after.registeredAt),
            eq(clientRegistration.server, after.server),
            lt(clientRegistration.clientId, after.clientId),
          ),
        ),
    ),
    limit,
  );

/** How many of a member have not ended: statements, or tokens that nobody used. */
export async function openOf(db: Database, table: typeof softwareStatement | typeof initialAccessToken, memberId: string, now: number): Promise<number> {
  const used = table === initialAccessToken ? isNull(initialAccessToken.redeemedAt) : undefined;
  const [row] = await db
    .select({ n: count() })
    .from(table)
    .where(and(eq(table.memberId, memberId), gt(table.exp, now), isNull(table.revokedAt), used));
  return Number(row?.n ?? 0);
}

/** How many clients of a member a server has. */
export async function clientsOf(db: Database, memberId: string, server: string): Promise<number> {
  const [row] = await db
    .select({ n: count() })
    .from(clientRegistration)
    .where(and(eq(clientRegistration.memberId, memberId), eq(clientRegistration.server, server), isNull(clientRegistration.endedAt)));
  return Number(row?.n ?? 0);
}

/** A client as its server says it is now, in the place of what it said before. */
export const putClient = (row: ClientRegistrationRow): Statement =>
  insertWith(
    clientRegistration,
    [row],
    `ON CONFLICT (server, client_id, authority_id) DO UPDATE SET member_id = excluded.member_id, method = excluded.method,
  software_statement_jti = excluded.software_statement_jti, registered_at = excluded.registered_at, ended_at = NULL`,
  );

/** How long rows stay after the end of what they are about (seconds): that it was issued stays in the event chain. */
export const KEPT_AFTER_END = 30 * 86_400;

/** Statements and tokens that ended long ago, and clients that their servers gave up long ago. */
export const forgetEnded = (now: number): readonly Statement[] => [
  ...['software_statement', 'initial_access_token'].map((table) => raw(`DELETE FROM ${table} WHERE exp < ${NUMBER}`, now - KEPT_AFTER_END)),
  raw(`DELETE FROM client_registration WHERE ended_at < ${NUMBER}`, now - KEPT_AFTER_END),
];
