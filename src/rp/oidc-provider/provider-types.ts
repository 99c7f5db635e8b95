/** What is used of oidc-provider 9, by shape: the library does not import it. */

type Claims = Readonly<Record<string, unknown>>;

export interface ProviderClient {
  readonly clientId: string;
  readonly clientAuthMethod?: string;
}

export interface ProviderToken {
  readonly clientId?: string;
  readonly iat?: number;
  readonly kind?: string;
  scope?: string | undefined;
  readonly resourceServer?: { readonly accessTokenTTL?: number };
}

export interface ProviderContext {
  readonly oidc: {
    readonly route?: string;
    readonly issuer: string;
    readonly params?: Readonly<Record<string, unknown>>;
    readonly body?: Readonly<Record<string, unknown>>;
    readonly client?: ProviderClient;
    readonly entities: Readonly<Record<string, unknown>>;
    readonly provider: {
      readonly ReplayDetection: { unique(issuer: string, jti: string, exp: number): Promise<boolean> };
      /** Throws for metadata that the provider makes no client of. */
      readonly Client: { validate(metadata: Claims): Promise<void> };
    };
  };
  set?(name: string, value: string): void;
}

export type ProofHook = (ctx: ProviderContext, claims: Claims, header: Claims, client: ProviderClient) => unknown;

export interface ResourceServerInfo {
  readonly scope: string;
  readonly audience?: string;
  readonly accessTokenTTL?: number;
  readonly accessTokenFormat?: 'opaque' | 'jwt';
  readonly [member: string]: unknown;
}

export interface Adapter {
  find(id: string): Promise<unknown>;
  findByUid(uid: string): Promise<unknown>;
  findByUserCode(userCode: string): Promise<unknown>;
  upsert(id: string, payload: unknown, expiresIn?: number): Promise<unknown>;
  consume(id: string): Promise<unknown>;
  destroy(id: string): Promise<unknown>;
  revokeByGrantId(grantId: string): Promise<unknown>;
}
export type AdapterFactory = ((model: string) => Adapter) | (new (model: string) => Adapter);

export type TimeToLive = number | ((ctx: ProviderContext, token: ProviderToken, client: ProviderClient) => number);

interface Feature {
  readonly enabled?: boolean;
  readonly [member: string]: unknown;
}

export interface DetailType {
  readonly validate: (ctx: ProviderContext, detail: Claims, client: ProviderClient) => unknown;
  readonly [member: string]: unknown;
}

/** Which details a token has: the policy of the server. */
export type DetailsOf = (ctx: ProviderContext, token: ProviderToken, ...more: readonly unknown[]) => unknown;

/** What `federated` reads and writes of a configuration; everything else passes. */
export interface ProviderConfiguration {
  readonly adapter?: AdapterFactory;
  readonly clients?: readonly { readonly client_id: string }[];
  readonly scopes?: readonly string[];
  readonly discovery?: Claims;
  readonly ttl?: Readonly<Record<string, unknown>>;
  readonly features?: {
    readonly clientIdMetadataDocument?: Feature;
    readonly introspection?: Feature & { readonly allowedPolicy?: (ctx: ProviderContext, client: ProviderClient, token: ProviderToken) => unknown };
    readonly requestObjects?: Feature & { readonly assertJwtClaimsAndHeader?: ProofHook };
    readonly resourceIndicators?: Feature & {
      readonly getResourceServerInfo?: (ctx: ProviderContext, resource: string, client: ProviderClient) => ResourceServerInfo | Promise<ResourceServerInfo>;
    };
    readonly richAuthorizationRequests?: Feature & {
      readonly types?: Readonly<Record<string, DetailType>>;
      readonly authorizationDetailsForAccessToken?: DetailsOf;
      readonly authorizationDetailsForIntrospection?: DetailsOf;
    };
    readonly [feature: string]: unknown;
  };
  readonly assertJwtClientAuthClaimsAndHeader?: ProofHook;
  readonly findAccount?: ((ctx: ProviderContext, sub: string, token?: ProviderToken) => unknown) | undefined;
  readonly extraTokenClaims?: (ctx: ProviderContext, token: ProviderToken) => Promise<Claims | undefined> | Claims | undefined;
  readonly [member: string]: unknown;
}
