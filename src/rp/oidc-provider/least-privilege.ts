import type { Admitted, Entitled } from '../admission.js';
import { OAuthError } from './oauth-error.js';
import type { DetailsOf, DetailType, ProviderClient, ProviderConfiguration, ProviderToken, TimeToLive } from './provider-types.js';

/** Tokens of federated clients live no longer (seconds): nothing else ends one that a server of resources never asks about. */
export const MAX_TOKEN_SECONDS = 300;

export interface PrivilegeOptions {
  readonly factsOf: (clientId: string) => Promise<Admitted | undefined>;
  readonly known: (clientId: string) => Admitted | undefined;
  readonly mayBeFederated: (clientId: string) => boolean;
  /** JWT access tokens, which cannot be introspected. */
  readonly jwtAccessTokens: boolean;
  /** Resources for clients whose federation names none. */
  readonly unlistedResources: boolean;
}

const invalidTarget = (why: string): OAuthError => new OAuthError(400, 'invalid_target', 'resource indicator is missing, or unknown', why);

type Resources = NonNullable<NonNullable<ProviderConfiguration['features']>['resourceIndicators']>;

/** A resource has to be among those the client may have, and gives no scope that the client has not got; the provider asks neither. */
export function narrowedResources(
  { factsOf, jwtAccessTokens, unlistedResources }: PrivilegeOptions,
  given: Resources['getResourceServerInfo'],
): Resources['getResourceServerInfo'] {
  if (!given) return undefined;
  return async (ctx, resource, client) => {
    const facts = await factsOf(client.clientId);
    const info = await given(ctx, resource, client);
    if (!facts) return info;
    const { resources, scopes } = facts.entitled;
    if (resources === undefined ? !unlistedResources : !resources.includes(resource)) throw invalidTarget('the client may not have this resource');
    const scope = info.scope.split(' ').filter((one) => scopes.includes(one));
    if (scope.length === 0) throw invalidTarget('the client has no scope of this resource');
    return {
      ...info,
      scope: scope.join(' '),
      accessTokenFormat: jwtAccessTokens ? (info.accessTokenFormat ?? 'opaque') : 'opaque',
      accessTokenTTL: Math.min(info.accessTokenTTL ?? MAX_TOKEN_SECONDS, MAX_TOKEN_SECONDS),
    };
  };
}

/**
 * How long a token lives. The provider asks this before it stores one, so here is where a token that a refresh or a code would give
 * more scope than its client has by now is cut to what that is.
 * @param usual the provider's own default (seconds)
 */
export function briefTokens({ known, mayBeFederated }: PrivilegeOptions, given: unknown, usual: number): TimeToLive {
  return (ctx, token, client) => {
    const clientId = client?.clientId ?? token.clientId ?? '';
    const seconds =
      typeof given === 'function' ? Number(given(ctx, token, client)) : typeof given === 'number' ? given : (token.resourceServer?.accessTokenTTL ?? usual);
    if (!mayBeFederated(clientId)) return seconds;
    const facts = known(clientId);
    if (facts) narrow(token, facts.entitled);
    return Math.min(seconds, MAX_TOKEN_SECONDS);
  };
}

function narrow(token: ProviderToken, { scopes }: Entitled): void {
  if (typeof token.scope !== 'string') return;
  const kept = token.scope.split(' ').filter((one) => scopes.includes(one));
  token.scope = kept.length > 0 ? kept.join(' ') : undefined;
}

/** Details have to be among what one of the client's templates allows. */
export function narrowedDetails({ factsOf }: PrivilegeOptions, type: string, given: DetailType): DetailType {
  return {
    ...given,
    async validate(ctx, detail, client: ProviderClient) {
      const facts = await factsOf(client.clientId);
      if (facts && !hasTemplate(facts.entitled, type, detail))
        throw new OAuthError(400, 'invalid_authorization_details', `the client may not ask for this ${type}`);
      return given.validate(ctx, detail, client);
    },
  };
}

export type EntitledDetails = Pick<Entitled, 'authorizationDetailsTypes' | 'authorizationDetailsTemplates'>;

/** Where there are templates a detail is within one of its type; one that says no more than the type lets it say anything. */
export function hasTemplate({ authorizationDetailsTemplates }: EntitledDetails, type: unknown, detail: unknown): boolean {
  const templates = authorizationDetailsTemplates?.filter((one) => one['type'] === type);
  return !templates || templates.some((one) => Object.keys(one).length === 1 || fits(detail, one));
}

/** Of details that were agreed to those that a client may have; undefined: none. */
export function detailsWithin(entitled: EntitledDetails, details: unknown): unknown {
  if (!Array.isArray(details)) return details;
  const { authorizationDetailsTypes: types } = entitled;
  const kept = (details as readonly { readonly type?: unknown }[]).filter(
    (one) => (types?.includes(String(one.type)) ?? true) && hasTemplate(entitled, one.type, one),
  );
  return kept.length > 0 ? kept : undefined;
}

/** What was agreed to stays with a grant: of that a token has, when it is issued and when it is asked about, what its client may have by then. */
export function keptDetails({ known }: PrivilegeOptions, given: DetailsOf): DetailsOf {
  return async (ctx, token, ...more) => {
    const details = await given(ctx, token, ...more);
    const facts = known(token.clientId ?? ctx.oidc.client?.clientId ?? '');
    return facts ? detailsWithin(facts.entitled, details) : details;
  };
}

/** Is a value within what a template has: no further members, elements of the list, at most the number, the same otherwise? */
export function fits(value: unknown, template: unknown): boolean {
  if (Array.isArray(template)) return (Array.isArray(value) ? value : [value]).every((one) => template.some((allowed) => fits(one, allowed)));
  if (typeof template === 'object' && template !== null) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    const allowed = template as Readonly<Record<string, unknown>>;
    return Object.entries(value).every(([name, one]) => Object.hasOwn(allowed, name) && fits(one, allowed[name]));
  }
  return typeof template === 'number' ? typeof value === 'number' && value <= template : value === template;
}
