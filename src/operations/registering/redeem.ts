import { eq } from 'drizzle-orm';
import { sha256 } from '../../keys/random.js';
import { type IssuedToken, statementsWhere, tokensWhere } from '../../store/registering.js';
import { whileMemberActive } from '../../store/guards.js';
import { initialAccessToken, softwareStatement } from '../../store/schema.js';
import { revokeStatusPlace } from '../../store/status-entries.js';
import { change, type Deployment } from '../call.js';
import { type AuthenticatedMember, callOfMember } from '../join/authenticate-member.js';
import { Refusal } from '../refusal.js';
import { findMember } from '../registry.js';
import { isServerInForce, speaksAt } from './audience.js';
import { statementStates, tokenStates, unused } from './standing.js';

export interface RedeemAsked {
  readonly token: string;
  /** SHA-256 of the registration request, base64url: whoever asks again for the same one is told the same. */
  readonly requestSha256: string;
  /** The statement that is registered with: then it is good too, or nothing is used up. */
  readonly softwareStatementJti?: string | undefined;
}
export interface Redeemed {
  readonly issued: IssuedToken;
  /** It was redeemed before, for the same request: whoever makes a client with every answer would make two. */
  readonly already: boolean;
}

/** An authorization server that asks: a member in force, taken in as one. @throws Refusal permission_denied */
export async function expectServerAsks(deployment: Deployment, { authority, member }: AuthenticatedMember): Promise<void> {
  const row = await findMember(deployment.store.db, authority.id, member.id);
  if (!(await isServerInForce(deployment, row)))
    throw new Refusal('permission_denied', `${member.entityId} is no authorization server here: it is not in force, or was not taken in as one`);
}

/** It speaks for itself there too. @throws Refusal permission_denied */
export async function expectSpeaksAt(deployment: Deployment, asking: AuthenticatedMember, authorityId: string): Promise<void> {
  if (await speaksAt(deployment, asking, authorityId)) return;
  throw new Refusal('permission_denied', `${asking.member.entityId} is no authorization server in force of the authority that this is of`);
}

/** By its hash: of a token that nobody issued nothing is known. */
export async function tokenNamed({ store: { db } }: Deployment, token: string): Promise<IssuedToken | undefined> {
  const [issued] = await tokensWhere(db, eq(initialAccessToken.sha256, await sha256(token)), 1);
  return issued;
}

/**
 * Use a token up. Of any number that ask at once one makes it used: the chain of its authority is the lock.
 * @throws Refusal permission_denied, audience_mismatch, token_ended, already_redeemed, member_not_active
 */
export async function redeemToken(
  deployment: Deployment,
  asking: AuthenticatedMember,
  { token, requestSha256, softwareStatementJti }: RedeemAsked,
): Promise<Redeemed> {
  await expectServerAsks(deployment, asking);
  const { db } = deployment.store;
  const server = asking.member.entityId;
  const found = await judge();
  return change<Redeemed>(callOfMember(deployment, asking), {
    authorityId: found.row.authorityId,
    scope: found.row.jti,
    async decide() {
      await expectServerAsks(deployment, asking);
      const issued = await judge();
      const { row, of } = issued;
      if (row.redeemedAt !== null) return { events: [], statements: [], result: { issued, already: true } };
      const redeemedAt = deployment.now();
      return {
        events: [
          {
            type: 'initial_access_token.redeemed',
            subjectKind: 'initial_access_token' as const,
            subjectId: row.jti,
            detail: { member: row.memberId, entity_id: of?.entityId, server, request_sha256: requestSha256 },
          },
        ],
        statements: [
          // Its own chain may be another one.
          whileMemberActive(row.authorityId, asking.member.id),
          db.update(initialAccessToken).set({ redeemedAt, requestSha256 }).where(eq(initialAccessToken.jti, row.jti)),
          ...revokeStatusPlace(row.authorityId, 'initial_access_token', row.jti, redeemedAt),
        ],
        result: { issued: { ...issued, row: { ...row, redeemedAt, requestSha256 } }, already: false },
      };
    },
  });

  async function expectStatementGood(memberId: string, jti: string): Promise<void> {
    const [issued] = await statementsWhere(db, eq(softwareStatement.jti, jti), 1);
    const [state] = issued?.row.memberId === memberId ? await statementStates(db, [issued], deployment.now()) : [];
    if (state !== 'valid') throw new Refusal('member_not_active', `this software statement is ${state?.replaceAll('_', ' ') ?? 'not of that member'}`);
  }

  async function judge(): Promise<IssuedToken> {
    const issued = await tokenNamed(deployment, token);
    if (!issued) throw new Refusal('token_ended', 'no such initial access token is in force');
    const { row } = issued;
    if (row.audience !== server) throw new Refusal('audience_mismatch', 'this initial access token is for another authorization server');
    await expectSpeaksAt(deployment, asking, row.authorityId);
    if (row.redeemedAt !== null && row.requestSha256 !== requestSha256)
      throw new Refusal('already_redeemed', 'this initial access token was used for another registration request');
    const [state] = await tokenStates(db, [{ ...issued, row: unused(row) }], deployment.now());
    if (state !== 'valid') throw new Refusal('token_ended', `this initial access token is ${state?.replaceAll('_', ' ')}`);
    if (softwareStatementJti !== undefined) await expectStatementGood(row.memberId, softwareStatementJti);
    return issued;
  }
}

/** RFC 7662: what a token is, for the server it is for; undefined: nothing that could be used. */
export async function introspectToken(deployment: Deployment, asking: AuthenticatedMember, token: string): Promise<IssuedToken | undefined> {
  await expectServerAsks(deployment, asking);
  const issued = await tokenNamed(deployment, token);
  if (!issued || issued.row.audience !== asking.member.entityId || !(await speaksAt(deployment, asking, issued.row.authorityId))) return undefined;
  const [state] = await tokenStates(deployment.store.db, [issued], deployment.now());
  return state === 'valid' ? issued : undefined;
}
