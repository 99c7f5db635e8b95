/** What registrations use of oidc-provider 9 and of its Koa, by shape: the library does not import it. */

export type Properties = Record<string, unknown>;

export interface RegistrationContext {
  readonly method: string;
  readonly path: string;
  readonly req: NodeJS.ReadableStream & { readonly headers: Record<string, string | undefined>; body?: unknown };
  status: number;
  body: unknown;
  set(name: string, value: string): void;
}
export type Middleware = (ctx: RegistrationContext, next: () => Promise<unknown>) => Promise<unknown>;

export interface StoredToken {
  readonly clientId?: string | undefined;
  readonly iat?: number;
}

export interface RegistrationAdapter {
  find(id: string): Promise<unknown>;
  readonly [method: string]: unknown;
}
export type RegistrationAdapterFactory = ((model: string) => RegistrationAdapter) | (new (model: string) => RegistrationAdapter);

interface Feature {
  readonly enabled?: boolean;
  readonly [member: string]: unknown;
}
export type Hook = (ctx: unknown, ...more: never[]) => unknown;

export interface RichType {
  readonly validate: Hook;
  readonly [member: string]: unknown;
}
export interface RichRequests extends Feature {
  readonly types?: Readonly<Record<string, RichType>>;
  readonly authorizationDetailsForAccessToken?: Hook;
  readonly authorizationDetailsForIntrospection?: Hook;
}
/** What is read and written of a configuration; everything else passes. */
export interface RegistrationConfiguration {
  readonly adapter?: RegistrationAdapterFactory;
  readonly scopes?: readonly string[];
  readonly extraClientMetadata?: { readonly properties?: readonly string[]; readonly [member: string]: unknown };
  readonly features?: {
    readonly registration?: Feature & { readonly policies?: Readonly<Record<string, unknown>> };
    readonly introspection?: Feature & { readonly allowedPolicy?: Hook };
    readonly resourceIndicators?: Feature & { readonly getResourceServerInfo?: Hook };
    readonly richAuthorizationRequests?: RichRequests;
    readonly [feature: string]: unknown;
  };
  readonly findAccount?: Hook;
  readonly ttl?: Readonly<Record<string, unknown>>;
  readonly extraTokenClaims?: Hook;
  readonly assertJwtClientAuthClaimsAndHeader?: Hook;
  readonly [member: string]: unknown;
}

/** What a provider has for whoever puts something in front of it. */
export interface ProviderLike {
  use(middleware: never): unknown;
  on(event: string, listener: (ctx: unknown, client: { readonly clientId: string; readonly [member: string]: unknown }) => void): unknown;
}
