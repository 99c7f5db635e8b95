import { z } from '@hono/zod-openapi';
import type { IssuedSoftwareStatement, StatementAsked } from '../operations/registering/issue-statement.js';
import type { IssuedInitialAccessToken, TokenAsked } from '../operations/registering/issue-token.js';
import { MAX_LIFETIME, MIN_LIFETIME } from '../operations/registering/lifetime.js';
import type { ShownStatement, ShownToken } from '../operations/registering/revoke.js';
import { STATEMENT_STATES, TOKEN_STATES } from '../operations/registering/standing.js';

/** Software statements and initial access tokens as both APIs tell them. */

const seconds = z.number().int().min(0);
const url = z.string().min(1).max(2048);
const lifetime = z.number().int().min(MIN_LIFETIME).max(MAX_LIFETIME).optional().openapi({ description: 'Seconds; left out: one hour' });
const findings = z.array(z.record(z.string(), z.unknown())).openapi({ description: 'What whoever uses it should know' });
const list = z.array(url).min(1).max(100);

export const statementBody = z
  .strictObject({
    audience: z.array(url).min(1).max(20).optional().openapi({ description: 'Issuers of authorization servers; left out: whoever accepts the authority' }),
    software_id: z.string().min(1).max(200).optional(),
    software_version: z.string().min(1).max(200).optional(),
    redirect_uris: list.optional(),
    scope: z.string().min(1).max(4096).optional().openapi({ description: 'A part of what the member is entitled to; left out: all of it' }),
    grant_types: list.optional(),
    response_types: list.optional(),
    authorization_details_types: list.optional(),
    allowed_resources: list.optional(),
    kids: z.array(z.string().min(1).max(256)).min(1).max(20).optional().openapi({ description: 'Keys of the client, by kid or thumbprint; left out: all' }),
    lifetime,
  })
  .openapi('SoftwareStatementRequest', { example: { audience: ['https://as.example.org'], software_id: 'agent', scope: 'tools:read' } });
export const tokenBody = z
  .strictObject({
    audience: url.openapi({ description: 'The issuer of the one authorization server it is for' }),
    kid: z.string().min(1).max(256).openapi({ description: 'The key of the client that will sign the registration, by kid or thumbprint' }),
    software_statement_jti: z.string().min(1).max(100).optional().openapi({ description: 'Good with this statement alone' }),
    format: z.enum(['jwt', 'opaque']).optional().openapi({ description: 'opaque: for servers that ask about tokens (RFC 7662)' }),
    lifetime,
  })
  .openapi('InitialAccessTokenRequest', { example: { audience: 'https://as.example.org', kid: '9mDbYb0c' } });

const statement = {
  jti: z.string(),
  state: z.enum(STATEMENT_STATES).openapi({ description: 'not_in_force: its member, a key or who vouches was cut, narrowed or changed since' }),
  member: z.string(),
  entity_id: z.string().nullable(),
  audience: z.array(z.string()).nullable(),
  software_id: z.string().nullable(),
  software_version: z.string().nullable(),
  scope: z.string(),
  keys: z.array(z.string()).openapi({ description: 'RFC 7638 thumbprints' }),
  entitlement_version: z.number().int(),
  created_by: z.string(),
  created_at: seconds,
  exp: seconds,
  revoked_at: seconds.nullable(),
};
export const statementSchema = z.object(statement).openapi('SoftwareStatement');
export const issuedStatementSchema = z
  .object({
    ...statement,
    software_statement: z.string().openapi({ description: 'The JWT' }),
    client_metadata: z.record(z.string(), z.unknown()).openapi({ description: 'What it says of the client' }),
    findings,
  })
  .openapi('IssuedSoftwareStatement');
export const revokedStatementSchema = z.object({ ...statement, already: z.boolean().optional() }).openapi('RevokedSoftwareStatement');
const token = {
  jti: z.string(),
  state: z.enum(TOKEN_STATES),
  member: z.string(),
  entity_id: z.string().nullable(),
  audience: z.string(),
  key: z.string().openapi({ description: 'RFC 7638 thumbprint of the key that has to sign the registration' }),
  format: z.enum(['jwt', 'opaque']),
  software_statement_jti: z.string().nullable(),
  created_by: z.string(),
  created_at: seconds,
  exp: seconds,
  redeemed_at: seconds.nullable(),
  revoked_at: seconds.nullable(),
};
export const tokenSchema = z.object(token).openapi('InitialAccessToken');
export const issuedTokenSchema = z
  .object({ ...token, initial_access_token: z.string().openapi({ description: 'Shown once' }), findings })
  .openapi('IssuedInitialAccessToken');
export const revokedTokenSchema = z.object({ ...token, already: z.boolean().optional() }).openapi('RevokedInitialAccessToken');

/** What of the body is client metadata. */
export function statementAsked(body: z.infer<typeof statementBody>): StatementAsked {
  const { audience, software_id: softwareId, software_version: softwareVersion, kids, lifetime: seconds_, ...metadata } = body;
  return { audience, softwareId, softwareVersion, kids, lifetime: seconds_, metadata };
}
export const tokenAsked = ({ audience, kid, software_statement_jti: jti, format, lifetime: life }: z.infer<typeof tokenBody>): TokenAsked => ({
  audience,
  kid,
  softwareStatementJti: jti,
  format,
  lifetime: life,
});

type Statement = Pick<ShownStatement, 'row' | 'state'> & { readonly entityId: string | null };
const statementOf = ({ row, state, entityId }: Statement): z.infer<typeof statementSchema> => ({
  jti: row.jti,
  state,
  member: row.memberId,
  entity_id: entityId,
  audience: row.audience ? [...row.audience] : null,
  software_id: row.softwareId,
  software_version: row.softwareVersion,
  scope: row.scope,
  keys: [...row.keys],
  entitlement_version: row.entitlementVersion,
  created_by: row.createdBy,
  created_at: row.createdAt,
  exp: row.exp,
  revoked_at: row.revokedAt,
});
export const presentStatement = ({ row, of, state }: ShownStatement): z.infer<typeof statementSchema> =>
  statementOf({ row, state, entityId: of?.entityId ?? null });
export const presentIssuedStatement = ({
  row,
  entityId,
  compact,
  metadata,
  findings: found,
}: IssuedSoftwareStatement): z.infer<typeof issuedStatementSchema> => ({
  ...statementOf({ row, state: 'valid', entityId }),
  software_statement: compact,
  client_metadata: { ...metadata },
  findings: found.map((one) => ({ ...one })),
});

type Token = Pick<ShownToken, 'row' | 'state'> & { readonly entityId: string | null };
const tokenOf = ({ row, state, entityId }: Token): z.infer<typeof tokenSchema> => ({
  jti: row.jti,
  state,
  member: row.memberId,
  entity_id: entityId,
  audience: row.audience,
  key: row.jkt,
  format: row.format,
  software_statement_jti: row.softwareStatementJti,
  created_by: row.createdBy,
  created_at: row.createdAt,
  exp: row.exp,
  redeemed_at: row.redeemedAt,
  revoked_at: row.revokedAt,
});
export const presentToken = ({ row, of, state }: ShownToken): z.infer<typeof tokenSchema> => tokenOf({ row, state, entityId: of?.entityId ?? null });
export const presentIssuedToken = ({ row, entityId, token: told, findings: found }: IssuedInitialAccessToken): z.infer<typeof issuedTokenSchema> => ({
  ...tokenOf({ row, state: 'valid', entityId }),
  initial_access_token: told,
  findings: found.map((one) => ({ ...one })),
});
