import { z } from '@hono/zod-openapi';
import { issueStatement } from '../operations/registering/issue-statement.js';
import { issueToken } from '../operations/registering/issue-token.js';
import { listClients, listStatements, listTokens, showStatement } from '../operations/registering/list.js';
import { type Revoked, revokeStatement, revokeToken, type ShownStatement, type ShownToken } from '../operations/registering/revoke.js';
import { REGISTRATION_METHODS } from '../store/schema.js';
import { type AdminApp, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
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
  tokenSchema,
} from './registering-wire.js';
import { pageOf, pageQuery, reason, seconds } from './wire.js';
import { write } from './write.js';

const ofMember = pageQuery.extend({ member: z.string().max(2048).optional().openapi({ description: 'Our id, or the entity identifier' }) });
const ofServer = ofMember.extend({ server: z.string().max(2048).optional().openapi({ description: 'The issuer of the authorization server' }) });
const endBody = z.strictObject({ reason: reason.optional() }).openapi('RegistrationEnd');
const clientSchema = z
  .object({
    server: z.string().openapi({ description: 'The issuer of the authorization server' }),
    client_id: z.string(),
    member: z.string(),
    entity_id: z.string().nullable(),
    member_state: z.string().nullable(),
    method: z.enum(REGISTRATION_METHODS),
    software_statement_jti: z.string().nullable(),
    registered_at: seconds,
    ended_at: seconds.nullable(),
  })
  .openapi('ClientRegistration');

/** Software statements, initial access tokens, and the clients that came of them. */
export function registeringEndpoints(app: AdminApp): void {
  const tag = 'Registration' as const;
  const base = '/authorities/{slug}';
  endpoint(
    app,
    {
      method: 'get',
      path: `${base}/software-statements`,
      tag,
      summary: 'Software statements, newest first',
      query: ofMember,
      response: pageOf(statementSchema),
    },
    async (c) => {
      const { items, next } = await listStatements(c.var.call, param(c, 'slug'), validQuery<z.infer<typeof ofMember>>(c));
      return c.json({ items: items.map(presentStatement), next_cursor: next });
    },
  );
  endpoint(
    app,
    { method: 'get', path: `${base}/software-statements/{jti}`, tag, summary: 'One software statement: what became of it', response: statementSchema },
    async (c) => c.json(presentStatement(await showStatement(c.var.call, param(c, 'slug'), param(c, 'jti')))),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/members/{id}/software-statements`,
      tag,
      summary: 'Sign a software statement (RFC 7591 §2.3) about a member in force that is a client',
      description:
        'It says what its record says, narrowed to what is asked; more is refused. It is good while the member is in force and nothing of it was cut or changed.',
      body: statementBody,
      bodyOptional: true,
      response: issuedStatementSchema,
      secrets: ['software_statement'],
      status: 201,
    },
    (c) => {
      const asked = statementAsked(validJson<z.infer<typeof statementBody>>(c));
      return write(c, 201, presentIssuedStatement, (call) => issueStatement(call, param(c, 'slug'), param(c, 'id'), asked));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/software-statements/{jti}/revoke`,
      tag,
      summary: 'End a software statement: nobody registers with it any more',
      description: 'Whoever has registered with it stays a client; to cut that off, suspend the member.',
      body: endBody,
      bodyOptional: true,
      response: revokedStatementSchema,
    },
    (c) =>
      write(
        c,
        200,
        ({ shown, already }: Revoked<ShownStatement>) => ({ ...presentStatement(shown), ...(already && { already: true }) }),
        (call) => revokeStatement(call, param(c, 'slug'), param(c, 'jti'), validJson<z.infer<typeof endBody>>(c).reason),
      ),
  );
  endpoint(
    app,
    {
      method: 'get',
      path: `${base}/initial-access-tokens`,
      tag,
      summary: 'Initial access tokens, newest first; never the tokens themselves',
      query: ofMember,
      response: pageOf(tokenSchema),
    },
    async (c) => {
      const { items, next } = await listTokens(c.var.call, param(c, 'slug'), validQuery<z.infer<typeof ofMember>>(c));
      return c.json({ items: items.map(presentToken), next_cursor: next });
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/members/{id}/initial-access-tokens`,
      tag,
      summary: 'Make an initial access token (RFC 7591 §3): for one registration, at one server, by one key',
      description: 'The token is in the answer, once; only its hash is kept.',
      body: tokenBody,
      response: issuedTokenSchema,
      secrets: ['initial_access_token'],
      status: 201,
    },
    (c) =>
      write(c, 201, presentIssuedToken, (call) => issueToken(call, param(c, 'slug'), param(c, 'id'), tokenAsked(validJson<z.infer<typeof tokenBody>>(c))), {
        secret: true,
      }),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/initial-access-tokens/{jti}/revoke`,
      tag,
      summary: 'End an initial access token: nobody registers with it any more',
      body: endBody,
      bodyOptional: true,
      response: revokedTokenSchema,
    },
    (c) =>
      write(
        c,
        200,
        ({ shown, already }: Revoked<ShownToken>) => ({ ...presentToken(shown), ...(already && { already: true }) }),
        (call) => revokeToken(call, param(c, 'slug'), param(c, 'jti'), validJson<z.infer<typeof endBody>>(c).reason),
      ),
  );
  endpoint(
    app,
    {
      method: 'get',
      path: `${base}/registrations`,
      tag,
      summary: 'Clients that authorization servers reported, newest first',
      query: ofServer,
      response: pageOf(clientSchema),
    },
    async (c) => {
      const { items, next } = await listClients(c.var.call, param(c, 'slug'), validQuery<z.infer<typeof ofServer>>(c));
      return c.json({
        items: items.map(({ row, of }) => ({
          server: row.server,
          client_id: row.clientId,
          member: row.memberId,
          entity_id: of?.entityId ?? null,
          member_state: of?.state ?? null,
          method: row.method,
          software_statement_jti: row.softwareStatementJti,
          registered_at: row.registeredAt,
          ended_at: row.endedAt,
        })),
        next_cursor: next,
      });
    },
  );
}
