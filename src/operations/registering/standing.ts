import { lastHalts } from '../../store/halted-keys.js';
import type { Database } from '../../store/database.js';
import type { InitialAccessTokenRow, IssuedStatement, IssuedToken, MemberStanding, SoftwareStatementRow } from '../../store/registering.js';
import { endOfMember } from '../members/member-end.js';

/**
 * Whether what was issued is good: worked out from its member as it is now, each time somebody asks. A cut writes nothing here, so
 * nothing here can be forgotten by one.
 */
export const STATEMENT_STATES = ['valid', 'expired', 'revoked', 'not_in_force'] as const;
export type StatementState = (typeof STATEMENT_STATES)[number];
export const TOKEN_STATES = ['valid', 'redeemed', 'expired', 'revoked', 'not_in_force'] as const;
export type TokenState = (typeof TOKEN_STATES)[number];

/** Is the member in force, and was nothing of it, of who vouches, or of what an agent rests on cut, narrowed or changed since that was signed? */
const holds = (of: MemberStanding | null, cut: number, now: number): boolean =>
  of !== null &&
  of.state === 'active' &&
  of.authorityState === 'active' &&
  of.cut === cut &&
  Math.min(endOfMember(of) ?? Number.POSITIVE_INFINITY, of.endAbove) > now;

/** A cell that cannot be read names keys that nobody knows. */
function keysOf({ keys }: SoftwareStatementRow): readonly string[] | undefined {
  try {
    return Array.isArray(keys) ? keys.map(String) : undefined;
  } catch {
    return undefined;
  }
}

type Halted = (authorityId: string, thumbprint: string) => boolean;

/** Which of these keys somebody halted, by authority. */
async function haltedOf(db: Database, named: readonly (readonly [authorityId: string, thumbprints: readonly string[]])[]): Promise<Halted> {
  const authorities = [...new Set(named.map(([id]) => id))];
  const halted = new Map(
    await Promise.all(
      authorities.map(async (id) => [id, await lastHalts(db, id, [...new Set(named.filter(([of]) => of === id).flatMap(([, keys]) => keys))])] as const),
    ),
  );
  return (authorityId, thumbprint) => halted.get(authorityId)?.has(thumbprint) ?? true;
}

function statementState({ row, of }: IssuedStatement, halted: Halted, now: number): StatementState {
  if (row.revokedAt !== null) return 'revoked';
  if (row.exp <= now) return 'expired';
  const keys = keysOf(row);
  return keys && holds(of, row.cut, now) && !keys.some((key) => halted(row.authorityId, key)) ? 'valid' : 'not_in_force';
}

/** @param now seconds since the epoch */
export async function statementStates(db: Database, issued: readonly IssuedStatement[], now: number): Promise<readonly StatementState[]> {
  const halted = await haltedOf(
    db,
    issued.map(({ row }) => [row.authorityId, keysOf(row) ?? []]),
  );
  return issued.map((one) => statementState(one, halted, now));
}

/** A token that is bound to a statement is no better than that. @param now seconds since the epoch */
export async function tokenStates(db: Database, issued: readonly IssuedToken[], now: number): Promise<readonly TokenState[]> {
  const halted = await haltedOf(
    db,
    issued.map(({ row, statement }) => [row.authorityId, [row.jkt, ...((statement && keysOf(statement)) ?? [])]]),
  );
  return issued.map(({ row, of, statement }) => {
    if (row.redeemedAt !== null) return 'redeemed';
    if (row.revokedAt !== null) return 'revoked';
    if (row.exp <= now) return 'expired';
    const bound = row.softwareStatementJti === null || (statement !== null && statementState({ row: statement, of }, halted, now) === 'valid');
    return bound && holds(of, row.cut, now) && !halted(row.authorityId, row.jkt) ? 'valid' : 'not_in_force';
  });
}

/** Would it be good, had nobody used it? What a repeated redemption asks. */
export const unused = (row: InitialAccessTokenRow): InitialAccessTokenRow => ({ ...row, redeemedAt: null });
