import { detailsWithin, type EntitledDetails, hasTemplate, MAX_TOKEN_SECONDS } from './least-privilege.js';
import { invalidClient, OAuthError } from './oauth-error.js';
import { FEDERATION_ENTITY, type RegisteredClients } from './registered-clients.js';
import type { Hook, RichRequests, RichType, StoredToken } from './registration-types.js';

type Clients = Pick<RegisteredClients, 'factsOf'>;

/** Was it issued before its client came back from a halt? */
const isDead = ({ iat }: StoredToken, notBefore: number | undefined): boolean => notBefore !== undefined && !(typeof iat === 'number' && iat >= notBefore);

/** The provider does not look at the client of a token (R2): one that is not in force has no active token, and an answer is true or false. */
export function allowedOnly(given: Hook | undefined, clients: Clients): Hook {
  const usual = (client: { readonly clientAuthMethod?: string; readonly clientId: string }, token: StoredToken) =>
    client.clientAuthMethod !== 'none' || token.clientId === client.clientId;
  return async (ctx, client, token) => {
    if ((await (given ? given(ctx, client, token) : usual(client, token))) !== true) return false;
    try {
      const facts = await clients.factsOf((token as StoredToken).clientId ?? '');
      return !facts || !isDead(token, facts.admitted.notBefore);
    } catch (error) {
      if (error instanceof OAuthError && error.status < 500) return false;
      throw error;
    }
  };
}

/** Codes and refresh tokens of before a halt lead to no account. */
export function deadTokens(given: Hook, clients: Clients): Hook {
  return async (ctx, sub, token: StoredToken | undefined) => {
    const facts = token?.clientId === undefined ? undefined : await clients.factsOf(token.clientId);
    return token && facts && isDead(token, facts.admitted.notBefore) ? undefined : (given as (...all: unknown[]) => unknown)(ctx, sub, token);
  };
}

const wordsIn = (scope: unknown): readonly string[] => (typeof scope === 'string' ? scope.split(' ').filter(Boolean) : []);

/**
 * The provider does not hold scopes of a resource against those of the client (R5): a registered client gets of a resource that it
 * may have what it was registered with and may still have, as an opaque token of 300 s at most (R7).
 */
export function ownResources(given: Hook, clients: Clients): Hook {
  return async (ctx, resource, client: { readonly clientId: string }) => {
    const info = (await (given as (...all: unknown[]) => unknown)(ctx, resource, client)) as Readonly<Record<string, unknown>>;
    const facts = await clients.factsOf(client.clientId);
    if (!facts) return info;
    const { entitled } = facts.admitted;
    const registered = facts.client['allowed_resources'];
    const may = entitled.resources?.includes(resource) === true && (!Array.isArray(registered) || registered.includes(resource));
    const scope = wordsIn(info['scope']).filter((one) => entitled.scopes.includes(one) && wordsIn(facts.client['federation_scope']).includes(one));
    if (!may || scope.length === 0) throw new OAuthError(400, 'invalid_target', 'the client may not have that resource');
    const seconds = Math.min(Number(info['accessTokenTTL'] ?? MAX_TOKEN_SECONDS), MAX_TOKEN_SECONDS);
    return { ...info, scope: scope.join(' '), accessTokenTTL: seconds, accessTokenFormat: 'opaque' };
  };
}

/** As it was registered: what the record allows now does not widen it. */
const registeredDetails = (client: Readonly<Record<string, unknown>>): EntitledDetails => ({
  authorizationDetailsTypes: listIn(client['authorization_details_types']),
  authorizationDetailsTemplates: listIn(client['authorization_details_templates']),
});
const listIn = <T>(value: unknown): readonly T[] | undefined => (Array.isArray(value) ? (value as readonly T[]) : undefined);

/** Details have to be within a template that the client was registered with, and within one that its record has now. */
function ownDetails(given: NonNullable<RichRequests['types']>, clients: Clients): NonNullable<RichRequests['types']> {
  const within = (type: string, one: RichType): RichType => ({
    ...one,
    async validate(ctx, detail, client: { readonly clientId: string }) {
      const facts = await clients.factsOf(client.clientId);
      if (facts && ![facts.admitted.entitled, registeredDetails(facts.client)].every((entitled) => hasTemplate(entitled, type, detail)))
        throw new OAuthError(400, 'invalid_authorization_details', `the client may not ask for this ${type}`);
      return (one.validate as (...all: unknown[]) => unknown)(ctx, detail, client);
    },
  });
  return Object.fromEntries(Object.entries(given).map(([type, one]) => [type, within(type, one)]));
}

/** `features.richAuthorizationRequests`, held to what registered clients may have. */
export const ownRichRequests = (given: RichRequests, clients: Clients): RichRequests => ({
  ...given,
  ...(given.types && { types: ownDetails(given.types, clients) }),
  ...(given.authorizationDetailsForAccessToken && {
    authorizationDetailsForAccessToken: ownKeptDetails(given.authorizationDetailsForAccessToken, clients),
  }),
  ...(given.authorizationDetailsForIntrospection && {
    authorizationDetailsForIntrospection: ownKeptDetails(given.authorizationDetailsForIntrospection, clients),
  }),
});

/** Of what was agreed to a token has what its client may have when it is issued, and when it is asked about. */
function ownKeptDetails(given: Hook, clients: Clients): Hook {
  return async (ctx, token: StoredToken, ...more) => {
    const details = await (given as (...all: unknown[]) => unknown)(ctx, token, ...more);
    const facts = token.clientId === undefined ? undefined : await clients.factsOf(token.clientId);
    return facts ? detailsWithin(registeredDetails(facts.client), detailsWithin(facts.admitted.entitled, details)) : details;
  };
}

type Client = { readonly clientId?: string; readonly scope?: unknown; readonly [FEDERATION_ENTITY]?: unknown } | undefined;
const isRegistered = (client: Client): boolean => typeof client?.[FEDERATION_ENTITY] === 'string';
/** As the provider has them when the configuration says nothing (seconds). */
const USUAL_SECONDS = { AccessToken: 3600, ClientCredentials: 600 } as const;

interface Issued {
  scope?: string | undefined;
  readonly resourceServer?: { readonly accessTokenTTL?: number };
}

/**
 * Tokens that are for no resource live no longer than those that are (R7). The provider asks this before it stores one, so here is where
 * one that a refresh would give more scope than its client has by now is cut to what that is.
 */
export function briefTokensOf(given: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> {
  const brief = (name: keyof typeof USUAL_SECONDS) => (ctx: unknown, token: Issued, client: Client) => {
    const own = given[name];
    const seconds = typeof own === 'function' ? Number(own(ctx, token, client)) : Number(own ?? token.resourceServer?.accessTokenTTL ?? USUAL_SECONDS[name]);
    if (!isRegistered(client)) return seconds;
    if (!token.resourceServer && typeof token.scope === 'string') {
      const has = wordsIn(client?.scope);
      token.scope =
        wordsIn(token.scope)
          .filter((one) => has.includes(one))
          .join(' ') || undefined;
    }
    return Math.min(seconds, MAX_TOKEN_SECONDS);
  };
  return { AccessToken: brief('AccessToken'), ClientCredentials: brief('ClientCredentials') };
}

/** Whose client it is and why it was let in goes with the token to the resource (the claim `federation` at introspection). */
export function vouchedTokens(given: Hook | undefined, clients: Clients): Hook {
  return async (ctx, token: StoredToken) => {
    const more = (await (given as ((...all: unknown[]) => unknown) | undefined)?.(ctx, token)) as object | undefined;
    const facts = token.clientId === undefined ? undefined : await clients.factsOf(token.clientId);
    return facts ? { ...more, federation: facts.admitted.context } : more;
  };
}

/** An assertion that is for others as well is replayed by one of them (R10). */
export function ownAudience(given: Hook | undefined, issuer: string): Hook {
  return async (ctx, claims: { readonly aud?: unknown }, header, client: Client) => {
    await (given as ((...all: unknown[]) => unknown) | undefined)?.(ctx, claims, header, client);
    const { aud } = claims;
    if (isRegistered(client) && aud !== issuer && !(Array.isArray(aud) && aud.length === 1 && aud[0] === issuer))
      throw invalidClient('aud is not the issuer alone');
  };
}
