import { eq } from 'drizzle-orm';
import { INITIAL_ACCESS_TOKEN, limits, type Finding } from '../../federation/entry.js';
import { newId, newNonce, sha256 } from '../../keys/random.js';
import { insertRows } from '../../store/bulk.js';
import { type InitialAccessTokenRow, openOf, statementsWhere } from '../../store/registering.js';
import { initialAccessToken, softwareStatement, type TOKEN_FORMATS } from '../../store/schema.js';
import { issuerOf } from '../artefacts/publish.js';
import { allow, type Call, change } from '../call.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, findAuthority, findMember } from '../registry.js';
import { expectServer } from './audience.js';
import { chainsAbove, NO_CHAIN } from './carried-chain.js';
import { clientOf, type VouchedClient } from './client-of.js';
import { keyOf } from './issue-statement.js';
import { lifetimeOf, MAX_OPEN } from './lifetime.js';
import { type SignedForMember, signForMember } from './sign.js';
import { statementStates } from './standing.js';

export interface TokenAsked {
  /** The issuer of the one authorization server it is for. */
  readonly audience: string;
  /** The key of the client, by `kid` or thumbprint, that will sign the registration. */
  readonly kid: string;
  /** The one statement it may be used with; left out: any of the member. */
  readonly softwareStatementJti?: string | undefined;
  /** `opaque`: for a server that knows such tokens by asking (RFC 7662) only. */
  readonly format?: (typeof TOKEN_FORMATS)[number] | undefined;
  /** Seconds. */
  readonly lifetime?: number | undefined;
}

export interface IssuedInitialAccessToken {
  readonly row: InitialAccessTokenRow;
  readonly entityId: string;
  /** Told once: only its hash is kept. */
  readonly token: string;
  readonly findings: readonly Finding[];
}

/** The statement that a token is bound to is good, about the same member, shows the key, and is for that server. @throws Refusal */
async function expectStatement(call: Call, { member }: VouchedClient, jti: string, jkt: string, audience: string): Promise<void> {
  const { db } = call.store;
  const [issued] = await statementsWhere(db, eq(softwareStatement.jti, jti), 1);
  if (!issued || issued.row.memberId !== member.id) throw new Refusal('not_found', `${member.entityId} has no software statement ${jti.slice(0, 100)}`);
  const [state] = await statementStates(db, [issued], call.now());
  if (state !== 'valid') throw new Refusal('wrong_state', `the software statement ${jti} is ${state}; have another one issued`);
  if (!issued.row.keys.includes(jkt)) throw new Refusal('key_not_bound', `the software statement ${jti} does not show that key`);
  if (issued.row.audience && !issued.row.audience.includes(audience))
    throw new Refusal('audience_unknown', `the software statement ${jti} is not for ${audience}`);
}

/** The same for an operator. @throws Refusal permission_denied, and as `issueTokenTo` */
export async function issueToken(call: Call<IssuedInitialAccessToken>, slug: string, memberId: string, asked: TokenAsked): Promise<IssuedInitialAccessToken> {
  allow(call, 'enroll', slug);
  return issueTokenTo(call, slug, memberId, asked);
}

/**
 * Make an initial access token (RFC 7591 §3): for one registration, at one server, by one key.
 * @throws Refusal not_found, member_not_active, audience_unknown, key_not_bound, wrong_state
 */
export async function issueTokenTo(call: Call<IssuedInitialAccessToken>, slug: string, memberId: string, asked: TokenAsked): Promise<IssuedInitialAccessToken> {
  const { db } = call.store;
  const found = await findAuthority(db, slug);
  const authorityId = found.id;
  const { entityId } = await findMember(db, authorityId, memberId);
  const lifetime = lifetimeOf(asked.lifetime);
  const { audience, format = 'jwt', softwareStatementJti = null } = asked;
  await expectServer(call, authorityId, audience);
  // Before the lock: it may go over the network.
  const above = format === 'opaque' ? NO_CHAIN : await chainsAbove(call, found, () => clientOf(call, found, memberId));
  return change<IssuedInitialAccessToken>(call, { authorityId, scope: entityId, decide: async () => decide(await findAuthority(db, slug)) });

  async function decide(authority: AuthorityRow) {
    const client = await clientOf(call, authority, memberId);
    const { member } = client;
    const now = call.now();
    if ((await openOf(db, initialAccessToken, member.id, now)) >= MAX_OPEN)
      throw new Refusal('wrong_state', `${member.entityId} has ${MAX_OPEN} initial access tokens that nobody has used; revoke some, or wait`);
    const { jkt } = keyOf(client, asked.kid);
    if (softwareStatementJti !== null) await expectStatement(call, client, softwareStatementJti, jkt, audience);
    const jti = newId('iat');
    const exp = Math.min(now + lifetime, client.until);
    const claims = {
      ...{ sub: member.entityId, aud: audience, iat: now, exp, cnf: { jkt } },
      ...(softwareStatementJti !== null && { software_statement_jti: softwareStatementJti }),
    };
    const made: SignedForMember =
      format === 'opaque'
        ? await opaque()
        : await signForMember(call, await issuerOf(call, authority), {
            typ: INITIAL_ACCESS_TOKEN,
            kind: 'initial_access_token',
            jti,
            memberId: member.id,
            thumbprints: [jkt],
            claims,
            maxBytes: limits.MAX_INITIAL_ACCESS_TOKEN_BYTES,
            above,
          });
    const row: InitialAccessTokenRow = {
      jti,
      authorityId: authority.id,
      memberId: member.id,
      format,
      sha256: made.sha256,
      audience,
      jkt,
      softwareStatementJti,
      cut: client.cut,
      createdBy: call.actor.id,
      createdAt: now,
      exp,
      revokedAt: null,
      redeemedAt: null,
      requestSha256: null,
    };
    return {
      events: [
        {
          type: 'initial_access_token.issued',
          subjectKind: 'initial_access_token' as const,
          subjectId: jti,
          detail: {
            ...{ member: member.id, entity_id: member.entityId, audience, key: jkt, format, exp },
            ...(softwareStatementJti !== null && { software_statement: softwareStatementJti }),
          },
        },
      ],
      statements: [insertRows(initialAccessToken, [row]), ...made.statements],
      // Of a token that is bound to nothing of ours, that no chain goes with it says nothing.
      result: { row, entityId: member.entityId, token: made.compact, findings: format === 'opaque' ? [] : made.findings },
    };
  }
}

/** What says nothing: who may use it is asked here (RFC 7662). What it is stands in the prefix, so that one is known wherever it turns up. */
async function opaque(): Promise<SignedForMember> {
  const compact = `hfi_${newNonce()}`;
  return { compact, sha256: await sha256(compact), statements: [], findings: [] };
}
