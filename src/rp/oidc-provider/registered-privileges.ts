import { OAuthError } from './oauth-error.js';
import type { RegisteredClients } from './registered-clients.js';
import type { StoredToken } from './registration-types.js';

type Clients = Pick<RegisteredClients, 'factsOf'>;
type Hook = (ctx: unknown, ...more: never[]) => unknown;

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
const MOST_SECONDS = 300;

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
    const seconds = Math.min(Number(info['accessTokenTTL'] ?? MOST_SECONDS), MOST_SECONDS);
    return { ...info, scope: scope.join(' '), accessTokenTTL: seconds, accessTokenFormat: 'opaque' };
  };
}
