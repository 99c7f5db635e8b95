import { z } from '@hono/zod-openapi';
import {
  issuedStatementSchema,
  issuedTokenSchema,
  presentIssuedStatement,
  presentIssuedToken,
  presentStatement,
  presentToken,
  revokedStatementSchema,
  revokedTokenSchema,
  statementAsked,
  statementBody,
  statementSchema,
  tokenAsked,
  tokenBody,
} from '../admin/registering-wire.js';
import { CLIENT_ASSERTION_TYPE } from '../federation/entry.js';
import { type AuthenticatedMember, authenticateMember, callOfMember, NotAuthenticated } from '../operations/join/authenticate-member.js';
import { issueStatementTo } from '../operations/registering/issue-statement.js';
import { issueTokenTo } from '../operations/registering/issue-token.js';
import { introspectToken, redeemToken } from '../operations/registering/redeem.js';
import { endClient, reportClient, type Reported } from '../operations/registering/report-client.js';
import { findStatement, revokeStatement, revokeToken } from '../operations/registering/revoke.js';
import { Refusal } from '../operations/refusal.js';
import { REGISTRATION_METHODS } from '../store/schema.js';
import { type JoinApp, type JoinContext, memberOf, param, validJson } from './context.js';
import { endpoint } from './endpoint.js';

export const FORM = 'application/x-www-form-urlencoded';
export const INTROSPECTION = '/introspect';

const answer = (c: JoinContext, body: object, status: 200 | 201 | 401 = 200): Response => c.json(body, status, { 'cache-control': 'no-store' });
const seconds = z.number().int();

/** Whoever asks about a member is that member; of others it is told nothing. @throws NotAuthenticated, Refusal not_found */
async function ownOf(c: JoinContext): Promise<AuthenticatedMember> {
  const asking = await memberOf(c);
  if (![asking.member.id, asking.member.entityId].includes(param(c, 'member'))) throw new Refusal('not_found', 'that is not you');
  return asking;
}

const redeemBody = z
  .strictObject({
    initial_access_token: z
      .string()
      .min(1)
      .max(16 * 1024),
    request_sha256: z
      .string()
      .regex(/^[\w-]{43}$/)
      .openapi({ description: 'SHA-256 of the registration request, base64url' }),
    software_statement_jti: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .openapi({ description: 'The statement that is registered with: one that is not good any more uses nothing up (member_not_active)' }),
  })
  .openapi('Redemption');
const redeemedSchema = z
  .object({
    jti: z.string(),
    member: z.string().openapi({ description: 'Its Entity Identifier' }),
    status: z.string(),
    not_before: seconds.nullable().openapi({ description: 'What was issued to it before is not to live again' }),
    entitlement_version: z.number().int(),
    software_statement_jti: z.string().nullable(),
    redeemed_at: seconds.nullable(),
    already_redeemed: z
      .literal(true)
      .optional()
      .openapi({ description: 'It was used before, by this very request: whoever makes a client with every answer would make two' }),
  })
  .openapi('Redeemed');
const clientBody = z
  .strictObject({
    entity_id: z.string().min(1).max(2048).openapi({ description: 'The member that is the client' }),
    method: z.enum(REGISTRATION_METHODS),
    software_statement_jti: z.string().min(1).max(100).optional().openapi({ description: 'With the method software_statement' }),
  })
  .refine(
    ({ method, software_statement_jti: jti }) => (method === 'software_statement') === (jti !== undefined),
    'software_statement_jti goes with that method',
  )
  .openapi('ReportedClient');
const clientSchema = z
  .object({
    client_id: z.string(),
    server: z.string(),
    entity_id: z.string().nullable(),
    member_state: z.string().nullable(),
    method: z.enum(REGISTRATION_METHODS),
    software_statement_jti: z.string().nullable(),
    registered_at: seconds,
    ended_at: seconds.nullable(),
  })
  .openapi('OwnClientRegistration');
const presentClient = ({ row, of }: Reported): z.infer<typeof clientSchema> => ({
  client_id: row.clientId,
  server: row.server,
  entity_id: of?.entityId ?? null,
  member_state: of?.state ?? null,
  method: row.method,
  software_statement_jti: row.softwareStatementJti,
  registered_at: row.registeredAt,
  ended_at: row.endedAt,
});
const introspectForm = z
  .object({ token: z.string(), token_type_hint: z.string().optional(), client_assertion_type: z.string().optional(), client_assertion: z.string().optional() })
  .openapi('Introspection');
const introspected = z
  .looseObject({ active: z.boolean(), iss: z.string().optional(), sub: z.string().optional(), aud: z.string().optional(), exp: seconds.optional() })
  .openapi('Introspected', { description: 'RFC 7662 §2.2; of what is none, or is for another server, that it is not active and nothing else' });

/** RFC 6749 Appendix A.1. */
const CLIENT_ID = /^[\x20-\x7e]{1,512}$/;
function clientId(c: JoinContext): string {
  const id = param(c, 'client');
  if (!CLIENT_ID.test(id)) throw new Refusal('invalid_request', 'a client id has 1 to 512 characters of ASCII (RFC 6749, A.1)');
  return id;
}

const member = '/members/{member}';

/** What members may have issued to them. */
function issuing(app: JoinApp): void {
  const about = { tag: 'Registration' as const, secret: 'member' as const };
  endpoint(
    app,
    {
      ...about,
      method: 'post',
      path: `${member}/software-statements`,
      operationId: 'issueSoftwareStatement',
      summary: 'Have a software statement (RFC 7591 §2.3) about you signed',
      description: 'What your record says, narrowed to what you ask; more is refused. It is good while you are in force and nothing of you was cut or changed.',
      body: statementBody,
      response: issuedStatementSchema,
      status: 201,
    },
    async (c) => {
      const asking = await ownOf(c);
      const asked = statementAsked(validJson<z.infer<typeof statementBody>>(c));
      return answer(
        c,
        presentIssuedStatement(await issueStatementTo(callOfMember(c.var.deployment, asking), asking.authority.slug, asking.member.id, asked)),
        201,
      );
    },
  );
  endpoint(
    app,
    {
      ...about,
      method: 'get',
      path: `${member}/software-statements/{jti}`,
      operationId: 'showSoftwareStatement',
      summary: 'One of your software statements: whether it is good',
      description: 'Changes nothing.',
      response: statementSchema,
    },
    async (c) => {
      const asking = await ownOf(c);
      return answer(c, presentStatement(await findStatement(callOfMember(c.var.deployment, asking), asking.authority.id, param(c, 'jti'), asking.member.id)));
    },
  );
  endpoint(
    app,
    {
      ...about,
      method: 'delete',
      path: `${member}/software-statements/{jti}`,
      operationId: 'revokeSoftwareStatement',
      summary: 'End one of your software statements',
      description: 'Nobody registers with it any more; whoever has stays a client.',
      response: revokedStatementSchema,
    },
    async (c) => {
      const { authority, member: row, ...rest } = await ownOf(c);
      const call = callOfMember<Awaited<ReturnType<typeof revokeStatement>>>(c.var.deployment, { authority, member: row, ...rest });
      const { shown, already } = await revokeStatement(call, authority.slug, param(c, 'jti'), undefined, row.id);
      return answer(c, { ...presentStatement(shown), ...(already && { already: true }) });
    },
  );
  endpoint(
    app,
    {
      ...about,
      method: 'post',
      path: `${member}/initial-access-tokens`,
      operationId: 'issueInitialAccessToken',
      summary: 'Have an initial access token (RFC 7591 §3) made: for one registration, at one server, by one key',
      description: 'It is told once.',
      body: tokenBody,
      response: issuedTokenSchema,
      status: 201,
    },
    async (c) => {
      const asking = await ownOf(c);
      const asked = tokenAsked(validJson<z.infer<typeof tokenBody>>(c));
      return answer(c, presentIssuedToken(await issueTokenTo(callOfMember(c.var.deployment, asking), asking.authority.slug, asking.member.id, asked)), 201);
    },
  );
  endpoint(
    app,
    {
      ...about,
      method: 'delete',
      path: `${member}/initial-access-tokens/{jti}`,
      operationId: 'revokeInitialAccessToken',
      summary: 'End one of your initial access tokens',
      description: 'Nobody registers with it any more.',
      response: revokedTokenSchema,
    },
    async (c) => {
      const { authority, member: row, ...rest } = await ownOf(c);
      const call = callOfMember<Awaited<ReturnType<typeof revokeToken>>>(c.var.deployment, { authority, member: row, ...rest });
      const { shown, already } = await revokeToken(call, authority.slug, param(c, 'jti'), undefined, row.id);
      return answer(c, { ...presentToken(shown), ...(already && { already: true }) });
    },
  );
}

/** What authorization servers ask and tell. */
function serving(app: JoinApp): void {
  const about = { tag: 'Registration' as const, secret: 'member' as const };
  endpoint(
    app,
    {
      ...about,
      method: 'post',
      path: '/initial-access-tokens/redeem',
      operationId: 'redeemInitialAccessToken',
      summary: 'As the authorization server that it is for: use an initial access token up',
      description: 'Of any number that ask at once one does. For the same request it is told again, with already_redeemed; for another one it is refused.',
      body: redeemBody,
      response: redeemedSchema,
    },
    async (c) => {
      const asking = await memberOf(c);
      const {
        initial_access_token: token,
        request_sha256: requestSha256,
        software_statement_jti: softwareStatementJti,
      } = validJson<z.infer<typeof redeemBody>>(c);
      const { issued, already } = await redeemToken(c.var.deployment, asking, { token, requestSha256, softwareStatementJti });
      const { row, of } = issued;
      const notBefore = Math.max(of?.notBefore ?? 0, of?.authorityNotBefore ?? 0);
      return answer(c, {
        jti: row.jti,
        member: of?.entityId ?? '',
        status: of?.state ?? 'archived',
        not_before: notBefore === 0 ? null : notBefore,
        entitlement_version: of?.entitlementVersion ?? 0,
        software_statement_jti: row.softwareStatementJti,
        redeemed_at: row.redeemedAt,
        ...(already && { already_redeemed: true }),
      });
    },
  );
  endpoint(
    app,
    {
      ...about,
      method: 'post',
      path: INTROSPECTION,
      operationId: 'introspectInitialAccessToken',
      summary: 'As the authorization server that it is for: is this initial access token good? (RFC 7662)',
      description: 'With a client assertion in the form, or in the header. It does not use the token up.',
      form: introspectForm,
      response: introspected,
    },
    async (c) => {
      const form = new URLSearchParams(await c.req.text());
      if ([...form.keys()].some((name) => form.getAll(name).length > 1)) return answer(c, { active: false });
      const asking = await introspecting(c, form).catch((error: unknown) => {
        if (error instanceof NotAuthenticated) return undefined;
        throw error;
      });
      if (!asking) return c.json({ error: 'invalid_client', error_description: new NotAuthenticated().message }, 401, { 'cache-control': 'no-store' });
      const issued = await introspectToken(c.var.deployment, asking, form.get('token') ?? '');
      if (!issued) return answer(c, { active: false });
      const { row, of } = issued;
      return answer(c, {
        active: true,
        iss: of?.issuer,
        sub: of?.entityId,
        aud: row.audience,
        iat: row.createdAt,
        exp: row.exp,
        jti: row.jti,
        cnf: { jkt: row.jkt },
        ...(row.softwareStatementJti !== null && { software_statement_jti: row.softwareStatementJti }),
      });
    },
  );
  endpoint(
    app,
    {
      ...about,
      method: 'put',
      path: '/registrations/{client}',
      operationId: 'reportClient',
      summary: 'As an authorization server: tell that a member is a client of yours',
      description: 'Then the receipt of a halt says that you hold it. Told again it changes nothing; of a member that was cut it is taken too.',
      body: clientBody,
      response: clientSchema,
    },
    async (c) => {
      const asking = await memberOf(c);
      const { entity_id: entityId, method, software_statement_jti: softwareStatementJti } = validJson<z.infer<typeof clientBody>>(c);
      return answer(c, presentClient(await reportClient(c.var.deployment, asking, { clientId: clientId(c), entityId, method, softwareStatementJti })));
    },
  );
  endpoint(
    app,
    {
      ...about,
      method: 'delete',
      path: '/registrations/{client}',
      operationId: 'endClient',
      summary: 'As an authorization server: tell that a client is none any more',
      description: 'Told again it changes nothing.',
      response: clientSchema,
    },
    async (c) => answer(c, presentClient(await endClient(c.var.deployment, await memberOf(c), clientId(c)))),
  );
}

/** By the form, as RFC 7521 §4.2 has it, or by the header. */
async function introspecting(c: JoinContext, form: URLSearchParams): Promise<AuthenticatedMember> {
  const assertion = form.get('client_assertion');
  if (assertion === null) return memberOf(c);
  if (form.get('client_assertion_type') !== CLIENT_ASSERTION_TYPE) throw new NotAuthenticated();
  return authenticateMember(c.var.deployment, c.var.inbox, assertion);
}

/** Members as clients of authorization servers: both sides. */
export function registeringEndpoints(app: JoinApp): void {
  issuing(app);
  serving(app);
}
