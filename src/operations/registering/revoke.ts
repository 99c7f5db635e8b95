import { eq } from 'drizzle-orm';
import { type IssuedStatement, type IssuedToken, statementsWhere, tokensWhere } from '../../store/registering.js';
import { initialAccessToken, softwareStatement } from '../../store/schema.js';
import { revokeStatusPlace } from '../../store/status-entries.js';
import { allow, type Call, change } from '../call.js';
import { Refusal } from '../refusal.js';
import { findAuthority } from '../registry.js';
import { type StatementState, statementStates, type TokenState, tokenStates } from './standing.js';

export interface ShownStatement extends IssuedStatement {
  readonly state: StatementState;
}
export interface ShownToken extends IssuedToken {
  readonly state: TokenState;
}
export interface Revoked<T> {
  readonly shown: T;
  /** It was before. */
  readonly already: boolean;
}

/** @param memberId when a member asks, of its own alone @throws Refusal not_found */
export async function findStatement(call: Call, authorityId: string, jti: string, memberId?: string): Promise<ShownStatement> {
  const [issued] = await statementsWhere(call.store.db, eq(softwareStatement.jti, jti), 1);
  if (!issued || issued.row.authorityId !== authorityId || (memberId !== undefined && issued.row.memberId !== memberId))
    throw new Refusal('not_found', 'there is no such software statement');
  const [state = 'not_in_force'] = await statementStates(call.store.db, [issued], call.now());
  return { ...issued, state };
}

/** @param memberId when a member asks, of its own alone @throws Refusal not_found */
export async function findToken(call: Call, authorityId: string, jti: string, memberId?: string): Promise<ShownToken> {
  const [issued] = await tokensWhere(call.store.db, eq(initialAccessToken.jti, jti), 1);
  if (!issued || issued.row.authorityId !== authorityId || (memberId !== undefined && issued.row.memberId !== memberId))
    throw new Refusal('not_found', 'there is no such initial access token');
  const [state = 'not_in_force'] = await tokenStates(call.store.db, [issued], call.now());
  return { ...issued, state };
}

/** Nobody registers with it any more. Whoever has registered by it stays. @param memberId when a member asks @throws Refusal permission_denied, not_found */
export async function revokeStatement(
  call: Call<Revoked<ShownStatement>>,
  slug: string,
  jti: string,
  reason: string | undefined,
  memberId?: string,
): Promise<Revoked<ShownStatement>> {
  if (memberId === undefined) allow(call, 'cut', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  return change<Revoked<ShownStatement>>(call, {
    authorityId: id,
    scope: jti,
    urgent: true,
    async decide() {
      const shown = await findStatement(call, id, jti, memberId);
      if (shown.row.revokedAt !== null) return { events: [], statements: [], result: { shown, already: true } };
      const revokedAt = call.now();
      return {
        events: [
          {
            type: 'software_statement.revoked',
            subjectKind: 'software_statement' as const,
            subjectId: jti,
            reason,
            detail: { member: shown.row.memberId, exp: shown.row.exp },
          },
        ],
        statements: [
          db.update(softwareStatement).set({ revokedAt }).where(eq(softwareStatement.jti, jti)),
          ...revokeStatusPlace(id, 'software_statement', jti, revokedAt),
        ],
        result: { shown: { ...shown, row: { ...shown.row, revokedAt }, state: 'revoked' }, already: false },
      };
    },
  });
}

/** Nobody registers with it any more; what was registered with it stays. @param memberId when a member asks @throws Refusal permission_denied, not_found */
export async function revokeToken(
  call: Call<Revoked<ShownToken>>,
  slug: string,
  jti: string,
  reason: string | undefined,
  memberId?: string,
): Promise<Revoked<ShownToken>> {
  if (memberId === undefined) allow(call, 'cut', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  return change<Revoked<ShownToken>>(call, {
    authorityId: id,
    scope: jti,
    urgent: true,
    async decide() {
      const shown = await findToken(call, id, jti, memberId);
      if (shown.row.revokedAt !== null) return { events: [], statements: [], result: { shown, already: true } };
      const revokedAt = call.now();
      const after = { ...shown.row, revokedAt };
      return {
        events: [
          {
            type: 'initial_access_token.revoked',
            subjectKind: 'initial_access_token' as const,
            subjectId: jti,
            reason,
            detail: { member: shown.row.memberId, audience: shown.row.audience, redeemed: shown.row.redeemedAt !== null, exp: shown.row.exp },
          },
        ],
        statements: [
          db.update(initialAccessToken).set({ revokedAt }).where(eq(initialAccessToken.jti, jti)),
          ...revokeStatusPlace(id, 'initial_access_token', jti, revokedAt),
        ],
        result: { shown: { ...shown, row: after, state: after.redeemedAt === null ? 'revoked' : 'redeemed' }, already: false },
      };
    },
  });
}
