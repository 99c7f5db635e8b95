import type { Admitted } from '../admission.js';
import type { RelyingParty } from '../relying-party.js';
import { bound, federatedClients, type Told } from './federated-clients.js';
import { briefTokens, keptDetails, narrowedDetails, narrowedResources } from './least-privilege.js';
import { memoryAdapter } from './memory-adapter.js';
import { OAuthError } from './oauth-error.js';
import { proofHooks } from './proofs.js';
import { NO_SCOPE } from './client-properties.js';
import type { AdapterFactory, Adapter, ProofHook, ProviderConfiguration, ProviderContext, ProviderToken } from './provider-types.js';

export interface FederatedOptions {
  readonly federation: RelyingParty;
  /** The class that the configuration is for: it knows the request under way. */
  readonly Provider: { readonly ctx?: unknown };
  /** Entity Types that get in, the one wanted most first. */
  readonly entityTypes?: readonly string[];
  /** Trust Marks that every federated client bears. */
  readonly marks?: readonly string[];
  /** Which client ids are metadata documents; those that the pinned anchors serve when left out. All other URLs are Entity Identifiers. */
  readonly isDocument?: (clientId: string) => boolean;
  /** JWT access tokens where the configuration wants them: they live 300 s at most, and nobody can ask whether they still hold. */
  readonly jwtAccessTokens?: boolean;
  /** Let clients whose federation names no resources (`allowed_resources`) have any. */
  readonly unlistedResources?: boolean;
  /** Told of each decision. */
  readonly log?: (told: Told) => void;
}

/** As the provider has it when the configuration says nothing. */
const USUAL = { scopes: ['openid', 'offline_access'], AccessToken: 3600, ClientCredentials: 600 } as const;

/**
 * A configuration of oidc-provider 9 that takes clients by their federation (OpenID Federation 1.0 §12.1): whoever has a chain to
 * a pinned Trust Anchor is a client by its Entity Identifier, for as long as it is in force, with the keys, scopes and resources the
 * federation says. Clients of the server itself stay what they are.
 * @example
 * const provider = new Provider(issuer, federated(configuration, { Provider, federation }));
 */
export function federated<Configuration extends object>(given: Configuration, options: FederatedOptions): Configuration {
  const configuration = given as ProviderConfiguration;
  const { federation, Provider } = options;
  const { features = {} } = configuration;
  const scopes = configuration.scopes ?? USUAL.scopes;
  const details = features.richAuthorizationRequests;
  const documents = features.clientIdMetadataDocument?.enabled === true;
  const served = Object.keys(federation.anchors).map((anchor) => `${anchor.replace(/\/$/, '')}/clients/`);
  const now = (): number => Math.floor(Date.now() / 1000);
  const clients = federatedClients({
    federation,
    ability: { scopes: new Set(scopes.filter((one) => one !== NO_SCOPE)), detailTypes: new Set(Object.keys(details?.types ?? {})) },
    entityTypes: options.entityTypes ?? ['openid_relying_party', 'oauth_client'],
    marks: options.marks ?? [],
    own: new Set((configuration.clients ?? []).map(({ client_id }) => client_id)),
    isDocument: documents ? (options.isDocument ?? ((id) => served.some((place) => id.startsWith(place)))) : () => false,
    request: () => Provider.ctx as ProviderContext | undefined,
    log: options.log ?? (() => undefined),
  });
  const privileges = { ...clients, jwtAccessTokens: options.jwtAccessTokens ?? false, unlistedResources: options.unlistedResources ?? false };
  const proofs = proofHooks({ known: clients.known, now });
  const store = adapterOf(configuration.adapter ?? memoryAdapter());

  const result: ProviderConfiguration = {
    ...configuration,
    scopes: [...new Set([...scopes, NO_SCOPE])],
    adapter: (model: string) => (model === 'Client' ? clients.over(store(model)) : store(model)),
    discovery: { client_registration_types_supported: ['automatic'], ...configuration.discovery },
    ttl: {
      ...configuration.ttl,
      AccessToken: briefTokens(privileges, configuration.ttl?.['AccessToken'], USUAL.AccessToken),
      ClientCredentials: briefTokens(privileges, configuration.ttl?.['ClientCredentials'], USUAL.ClientCredentials),
    },
    assertJwtClientAuthClaimsAndHeader: both(configuration.assertJwtClientAuthClaimsAndHeader, proofs.assertion),
    features: {
      ...features,
      requestObjects: {
        ...features.requestObjects,
        enabled: true,
        assertJwtClaimsAndHeader: both(features.requestObjects?.assertJwtClaimsAndHeader, proofs.requestObject),
      },
      introspection: { ...features.introspection, allowedPolicy: introspection(features.introspection?.allowedPolicy, clients.factsOf) },
      ...(features.resourceIndicators && {
        resourceIndicators: resourceIndicators(features.resourceIndicators, narrowedResources(privileges, features.resourceIndicators.getResourceServerInfo)),
      }),
      ...(details?.types && {
        richAuthorizationRequests: {
          ...details,
          types: Object.fromEntries(Object.entries(details.types).map(([type, one]) => [type, narrowedDetails(privileges, type, one)])),
          ...(details.authorizationDetailsForAccessToken && {
            authorizationDetailsForAccessToken: keptDetails(privileges, details.authorizationDetailsForAccessToken),
          }),
          ...(details.authorizationDetailsForIntrospection && {
            authorizationDetailsForIntrospection: keptDetails(privileges, details.authorizationDetailsForIntrospection),
          }),
        },
      }),
    },
    ...(configuration.findAccount && { findAccount: account(configuration.findAccount, clients.known) }),
    async extraTokenClaims(ctx, token) {
      const more = await configuration.extraTokenClaims?.(ctx, token);
      const facts = token.clientId === undefined ? undefined : clients.known(token.clientId);
      return facts ? { ...more, federation: facts.context } : more;
    },
  };
  return result as Configuration;
}

const both =
  (first: ProofHook | undefined, then: ProofHook): ProofHook =>
  async (...request) => {
    await first?.(...request);
    await then(...request);
  };

const resourceIndicators = (
  given: NonNullable<NonNullable<ProviderConfiguration['features']>['resourceIndicators']>,
  narrowed: typeof given.getResourceServerInfo,
) => ({ ...given, ...(narrowed && { getResourceServerInfo: narrowed }) });

/** Issued before its client came back from a halt? */
const isDead = ({ iat }: ProviderToken, { notBefore }: Admitted): boolean => notBefore !== undefined && !(typeof iat === 'number' && iat >= notBefore);

type Policy = NonNullable<NonNullable<NonNullable<ProviderConfiguration['features']>['introspection']>['allowedPolicy']>;

/** The provider does not look at the client of a token: one that is not in force has no active token, and an answer is true or false. */
function introspection(given: Policy | undefined, factsOf: (clientId: string) => Promise<Admitted | undefined>): Policy {
  const usual: Policy = (_ctx, client, token) => client.clientAuthMethod !== 'none' || token.clientId === client.clientId;
  return async (ctx, client, token) => {
    if ((await (given ?? usual)(ctx, client, token)) !== true) return false;
    try {
      const facts = await factsOf(token.clientId ?? '');
      return !facts || !isDead(token, facts);
    } catch (error) {
      if (error instanceof OAuthError && error.status < 500) return false;
      throw error;
    }
  };
}

/** Codes and refresh tokens of before a halt lead to no account, nor does an access token at userinfo. */
const account =
  (
    given: NonNullable<ProviderConfiguration['findAccount']>,
    known: (clientId: string) => Admitted | undefined,
  ): NonNullable<ProviderConfiguration['findAccount']> =>
  (ctx, sub, token) => {
    const facts = token?.clientId === undefined ? undefined : known(token.clientId);
    return token && facts && isDead(token, facts) ? undefined : given(ctx, sub, token);
  };

/** Both forms that the provider takes: a class, or a function that makes one. */
function adapterOf(factory: AdapterFactory): (model: string) => Adapter {
  const isClass = typeof factory.prototype === 'object' && factory.prototype !== null;
  return (model) => bound(isClass ? new (factory as new (model: string) => Adapter)(model) : (factory as (model: string) => Adapter)(model));
}
