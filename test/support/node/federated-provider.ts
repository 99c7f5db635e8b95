import { once } from 'node:events';
import { createServer } from 'node:http';
import { SignJWT, type CryptoKey } from 'jose';
import Provider from 'oidc-provider';
import type { RelyingParty } from '../../../src/rp/entry.js';
import { federated, type FederatedOptions, type Told } from '../../../src/rp/oidc-provider/entry.js';
import { freePort } from '../process.js';

/** oidc-provider asks for Node 22 and runs on 20 but for this. */
(URL as unknown as { parse?: (text: string, base?: string) => URL | null }).parse ??= (text, base) => {
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
};

export interface ClientKey {
  readonly jwk: { readonly kid: string };
  readonly privateKey: CryptoKey;
}
export interface Answered {
  readonly status: number;
  readonly error?: string;
  readonly access_token?: string;
  readonly refresh_token?: string;
  readonly scope?: string;
  readonly expires_in?: number;
  readonly active?: boolean;
  readonly request_uri?: string;
  readonly location: string | null;
  readonly text: string;
  readonly [member: string]: unknown;
}

export const RESOURCE = 'https://tools.example.org/mcp';
export const REDIRECT = 'https://agent.example.org/cb';
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const CHECKER = {
  client_id: 'checker',
  client_secret: 'a-secret-of-the-server-itself',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
};

/** A real oidc-provider that takes clients by their federation, and what its clients send. */
export async function federatedProvider(
  federation: RelyingParty,
  later: (end: () => void) => void,
  { configuration = {}, options = {} }: { configuration?: object; options?: Partial<FederatedOptions> } = {},
) {
  const issuer = `http://localhost:${await freePort()}`;
  const told: Told[] = [];
  const fetched: string[] = [];
  const provider = new Provider(
    issuer,
    federated(
      {
        scopes: ['openid', 'offline_access', 'read', 'write', 'admin'],
        clients: [CHECKER],
        features: {
          devInteractions: { enabled: false },
          clientCredentials: { enabled: true },
          introspection: { enabled: true },
          resourceIndicators: {
            enabled: true,
            getResourceServerInfo: () => ({ scope: 'read mcp:call mcp:admin', accessTokenFormat: 'jwt', accessTokenTTL: 7200 }),
          },
          clientIdMetadataDocument: { enabled: true, ack: 'draft-02', allowFetch: () => true },
          richAuthorizationRequests: {
            enabled: true,
            types: { payment: { validate: () => undefined } },
          },
        },
        findAccount: (_ctx: unknown, sub: string) => ({ accountId: sub, claims: async () => ({ sub }) }),
        interactions: { url: () => '/interaction' },
        fetch: (url: URL | string) => {
          fetched.push(String(url));
          return Promise.resolve(new Response('{}', { status: 404 }));
        },
        ...configuration,
      },
      { federation, Provider, log: (one) => void told.push(one), ...options },
    ),
  );
  const server = createServer(provider.callback()).listen(Number(new URL(issuer).port), 'localhost');
  await once(server, 'listening');
  later(() => {
    server.closeAllConnections();
    server.close();
  });

  const signed = (key: ClientKey, claims: object, header: object = {}, typ?: string) =>
    new SignJWT({ ...claims }).setProtectedHeader({ alg: 'ES256', kid: key.jwk.kid, ...(typ && { typ }), ...header }).sign(key.privateKey);
  const now = () => Math.floor(Date.now() / 1000);
  const assertion = (id: string, key: ClientKey, claims: object = {}, header: object = {}) =>
    signed(key, { iss: id, sub: id, aud: issuer, jti: crypto.randomUUID(), iat: now(), exp: now() + 60, ...claims }, header);
  const requestObject = (id: string, key: ClientKey, claims: object = {}, header: object = {}) =>
    signed(
      key,
      {
        ...{ iss: id, client_id: id, aud: issuer, jti: crypto.randomUUID(), iat: now(), exp: now() + 60 },
        ...{
          response_type: 'code',
          redirect_uri: REDIRECT,
          scope: 'openid read',
          state: 'here',
          code_challenge: 'x'.repeat(43),
          code_challenge_method: 'S256',
        },
        ...claims,
      },
      header,
      'oauth-authz-req+jwt',
    );
  async function send(path: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Answered> {
    const answer = await fetch(`${issuer}${path}`, { method: 'POST', redirect: 'manual', body: new URLSearchParams(form), headers });
    return read(answer);
  }
  async function read(answer: Response): Promise<Answered> {
    const text = await answer.text();
    let json: object = {};
    try {
      json = JSON.parse(text) as object;
    } catch {
      // a page
    }
    return { ...json, status: answer.status, location: answer.headers.get('location'), text };
  }
  const by = async (id: string, key: ClientKey, claims: object = {}, header: object = {}) => ({
    client_id: id,
    client_assertion_type: ASSERTION,
    client_assertion: await assertion(id, key, claims, header),
  });
  return {
    issuer,
    provider,
    told,
    fetched,
    send,
    by,
    assertion,
    requestObject,
    ASSERTION,
    token: async (id: string, key: ClientKey, form: Record<string, string> = {}, claims: object = {}, header: object = {}) =>
      send('/token', { grant_type: 'client_credentials', ...(await by(id, key, claims, header)), ...form }),
    par: async (id: string, key: ClientKey, form: Record<string, string> = {}, claims: object = {}, header: object = {}) =>
      send('/request', { response_type: 'code', redirect_uri: REDIRECT, scope: 'openid read', ...(await by(id, key, claims, header)), ...form }),
    authorize: async (query: Record<string, string>) =>
      read(await fetch(`${issuer}/auth?${new URLSearchParams(query)}`, { redirect: 'manual', headers: { accept: 'text/html' } })),
    introspect: (token: string) => send('/token/introspection', { token }, { authorization: `Basic ${btoa(`checker:${CHECKER.client_secret}`)}` }),
    userinfo: async (token: string) => read(await fetch(`${issuer}/me`, { headers: { authorization: `Bearer ${token}` } })),
    /** A user's tokens, as if they had logged in and agreed: what the provider itself would have made at the end of that. */
    async userTokens(id: string, scope: string) {
      const client = await provider.Client.find(id);
      const grant = new provider.Grant({ accountId: 'ada', clientId: id });
      grant.addOIDCScope(scope);
      const grantId = await grant.save();
      const common = { accountId: 'ada', client, grantId, scope, gty: 'authorization_code', sessionUid: 's', expiresWithSession: false };
      return {
        access: await new provider.AccessToken(common).save(),
        refresh: await new provider.RefreshToken({ ...common, rotations: 0, iiat: now() }).save(),
      };
    },
  };
}
