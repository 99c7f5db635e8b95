import { limits } from '../../federation/entry.js';
import type { RelyingParty } from '../relying-party.js';
import { admitRegistration, type AdmitRegistrationOptions, type AdmittedRegistration } from '../registration/admit-registration.js';
import { refusal, type RegistrationRefused } from '../registration/answer.js';
import { type ReadOptions, readSigned, type SignedRegistration } from '../registration/read-signed.js';
import type { Registry } from '../registration/registry.js';
import { NO_SCOPE } from './client-properties.js';
import { OAuthError } from './oauth-error.js';
import { bound, FEDERATION_ANCHOR, FEDERATION_ENTITY, registeredClients } from './registered-clients.js';
import { reservations } from './reservations.js';
import { allowedOnly, briefTokensOf, deadTokens, ownAudience, ownResources, vouchedTokens, ownRichRequests } from './registered-privileges.js';
import type {
  Middleware,
  Properties,
  ProviderLike,
  RegistrationAdapter,
  RegistrationAdapterFactory,
  RegistrationConfiguration,
  RegistrationContext,
} from './registration-types.js';

export interface RegistrationOptions {
  readonly federation: RelyingParty;
  /** The issuer of this server: what requests and tokens are for. */
  readonly issuer: string;
  /** Check g; that of the federation (registration/gate.ts) when left out. */
  readonly gate?: AdmitRegistrationOptions['gate'];
  /** The registry, where this server is a member of it: tokens are redeemed there, and clients reported. */
  readonly registry?: Registry | undefined;
  /** Whom this server takes clients of; left out: every authority that leads to a pinned anchor. */
  readonly accepts?: ReadOptions['accepts'];
  /**
   * Put a name into a store of this server that takes each once, until then (seconds since the epoch): for servers of several
   * processes. Left out: the memory of this one, which without a registry makes one client for each process.
   */
  readonly reserve?: ((name: string, until: number) => Promise<boolean>) | undefined;
  /** Where clients register; `/reg` as the provider has it. */
  readonly path?: string;
  /** Seconds since the epoch. */
  readonly now?: () => number;
  /** Told of each registration that was refused, and of each client that could not be reported. */
  readonly log?: (told: Readonly<Record<string, unknown>>) => void;
}

export interface Registering<Configuration> {
  readonly configuration: Configuration;
  /** In front of the provider that was made of that configuration. */
  attach(provider: ProviderLike): void;
}

const POLICY = 'holdfast';
/** What of a registration stays with the client beside what RFC 7591 names. */
const EXTRA = [
  ...[FEDERATION_ENTITY, FEDERATION_ANCHOR, 'federation_authority', 'federation_scope', 'software_statement', 'software_statement_jti'],
  ...['allowed_resources', 'authorization_details_templates', 'entitlement_version', 'software_id', 'software_version'],
];
/** As the provider has it when the configuration says nothing. */
const USUAL_SCOPES = ['openid', 'offline_access'];

/**
 * The third door at oidc-provider 9: clients that register by a software statement, an initial access token and a signed request
 * (RFC 7591, registry §8.3). An unsigned registration is refused. Whoever registered so is a client while it is in force, with what is
 * left of its entitlements, looked at with each use.
 * @example
 * const { configuration, attach } = registering(given, { federation, issuer, registry });
 * const provider = new Provider(issuer, configuration);
 * attach(provider);
 */
export function registering<Configuration extends object>(given: Configuration, options: RegistrationOptions): Registering<Configuration> {
  const configuration = given as RegistrationConfiguration;
  const { federation, issuer, registry, path = '/reg', now = () => Math.floor(Date.now() / 1000), log = () => undefined } = options;
  const gate = options.gate ?? ((signed) => federation.gateRegistration(signed));
  const scopes = configuration.scopes ?? USUAL_SCOPES;
  const taken = reservations(options.reserve);
  const clients = registeredClients({ federation });
  const store = adapterOf(configuration.adapter);
  /** Requests that were verified and are under way, by their Node request; and how many of each token. */
  const verified = new WeakMap<object, SignedRegistration>();
  const tokens = new Map<string, { readonly exp: number; requests: number }>();

  const readOptions = (): ReadOptions => ({
    anchors: federation.anchors,
    audience: issuer,
    now: now(),
    development: federation.development,
    accepts: options.accepts,
    used: (kind, by, jti) => taken.has(`${kind} ${by} ${jti}`, now()),
    introspect: registry && ((token) => registry.introspect(token)),
  });

  const door: Middleware = async (ctx, next) => {
    if (ctx.method !== 'POST' || ctx.path !== path) return next();
    const body = await readBody(ctx.req, limits.MAX_REGISTRATION_REQUEST_BYTES);
    const contentType = ctx.req.headers['content-type'];
    const initialAccessToken = /^Bearer ([\x21-\x7e]+)$/i.exec(ctx.req.headers['authorization'] ?? '')?.[1];
    const signed =
      body === undefined
        ? refusal('invalid_request', 'the registration request is too large')
        : await readSigned({ contentType, body, initialAccessToken }, readOptions());
    if (!signed.ok) return answer(ctx, signed);
    verified.set(ctx.req, signed);
    const held = tokens.get(signed.initialAccessToken) ?? { exp: signed.token.exp, requests: 0 };
    held.requests++;
    tokens.set(signed.initialAccessToken, held);
    // The provider reads JSON, of which nothing counts: the policy says what the client is.
    ctx.req.headers['content-type'] = 'application/json';
    ctx.req.headers['content-length'] = '2';
    ctx.req.body = {};
    try {
      return await next();
    } finally {
      if (--held.requests === 0) tokens.delete(signed.initialAccessToken);
    }
  };

  function answer(ctx: RegistrationContext, refused: RegistrationRefused): void {
    log({ registration: 'refused', error: refused.error, reasons: refused.findings.map(({ code }) => code), detail: refused.description });
    ctx.status = refused.status;
    for (const [name, value] of Object.entries(refused.headers)) ctx.set(name, value);
    ctx.body = { error: refused.error, error_description: refused.description };
  }

  async function redeem({ token, initialAccessToken, entity, statement, request, requestSha256 }: SignedRegistration) {
    const names = [`initial_access_token ${token.iss} ${token.jti}`, `registration_request ${entity} ${request.claims.jti}`] as const;
    for (const [n, until] of [token.exp, request.claims.exp].entries()) if (!(await taken.take(entity, names[n] as string, until, now()))) return 'used';
    const redeemed = (await registry?.redeem(initialAccessToken, requestSha256, statement.claims.jti)) ?? 'redeemed';
    // Nothing was used up: the same request may come again.
    if (redeemed === 'unavailable' || redeemed === 'refused') for (const name of names) taken.giveBack(name);
    return redeemed;
  }

  async function policy(ctx: RegistrationContext, properties: Properties): Promise<void> {
    const signed = verified.get(ctx.req);
    if (!signed) throw new OAuthError(401, 'invalid_token', 'the registration was not verified');
    const admitted = await admitRegistration(signed, { gate, redeem });
    if (!admitted.ok) {
      log({ registration: 'refused', entity: signed.entity, error: admitted.error, detail: admitted.description });
      for (const [name, value] of Object.entries(admitted.headers)) ctx.set(name, value);
      throw new OAuthError(admitted.status, admitted.error, admitted.description);
    }
    const { client_id, client_id_issued_at } = properties;
    for (const name of Object.keys(properties)) delete properties[name];
    Object.assign(properties, { client_id, client_id_issued_at }, propertiesOf(admitted, scopes));
  }

  const features = configuration.features ?? {};
  const result: RegistrationConfiguration = {
    ...configuration,
    scopes: [...new Set([...scopes, NO_SCOPE])],
    adapter: (model) => (model === 'Client' ? clients.over(store(model)) : model === 'InitialAccessToken' ? knowing(store(model), tokens) : store(model)),
    extraClientMetadata: { ...configuration.extraClientMetadata, properties: [...(configuration.extraClientMetadata?.properties ?? []), ...EXTRA] },
    ...(configuration.findAccount && { findAccount: deadTokens(configuration.findAccount, clients) }),
    ttl: { ...configuration.ttl, ...briefTokensOf(configuration.ttl) },
    extraTokenClaims: vouchedTokens(configuration.extraTokenClaims, clients),
    assertJwtClientAuthClaimsAndHeader: ownAudience(configuration.assertJwtClientAuthClaimsAndHeader, issuer),
    features: {
      ...features,
      registration: {
        ...features.registration,
        enabled: true,
        initialAccessToken: true,
        issueRegistrationAccessToken: false,
        policies: { ...features.registration?.policies, [POLICY]: policy },
      },
      introspection: { ...features.introspection, allowedPolicy: allowedOnly(features.introspection?.allowedPolicy, clients) },
      ...(features.resourceIndicators?.getResourceServerInfo && {
        resourceIndicators: { ...features.resourceIndicators, getResourceServerInfo: ownResources(features.resourceIndicators.getResourceServerInfo, clients) },
      }),
      ...(features.richAuthorizationRequests?.types && { richAuthorizationRequests: ownRichRequests(features.richAuthorizationRequests, clients) }),
    },
  };
  return {
    configuration: result as Configuration,
    attach(provider) {
      provider.use(door as never);
      provider.on('registration_create.success', (_ctx, client) => {
        const { [FEDERATION_ENTITY]: entityId, software_statement_jti: softwareStatementJti, clientId } = client;
        if (!registry || typeof entityId !== 'string' || typeof softwareStatementJti !== 'string') return;
        void registry
          .report(clientId, { entityId, softwareStatementJti })
          .then((told) => told || log({ registration: 'not_reported', client_id: clientId, entity: entityId }));
      });
    },
  };
}

/** What is stored of a client. Scopes of resources, which the server itself has not, stand apart: it would refuse them. */
function propertiesOf({ metadata, softwareStatement, federation }: AdmittedRegistration, scopes: readonly string[]): Properties {
  const granted = String(metadata['scope']).split(' ');
  const own = granted.filter((one) => scopes.includes(one));
  const redirects = !Array.isArray(metadata['grant_types']) || metadata['grant_types'].some((one) => one === 'authorization_code' || one === 'implicit');
  return {
    ...(!redirects && { redirect_uris: [], response_types: [] }),
    ...metadata,
    scope: own.length > 0 ? own.join(' ') : NO_SCOPE,
    federation_scope: granted.join(' '),
    [FEDERATION_ENTITY]: federation.entity,
    [FEDERATION_ANCHOR]: federation.anchor,
    federation_authority: federation.authority,
    software_statement: softwareStatement,
    software_statement_jti: federation.softwareStatementJti,
    ...(federation.entitlementVersion !== undefined && { entitlement_version: federation.entitlementVersion }),
  };
}

/**
 * Of tokens that came with a verified request the provider is told that they are known; whether one is used says the policy. It is told
 * of no others, whatever is stored: the provider takes its path in other spellings than the door does, and would register without a signature.
 */
function knowing(store: RegistrationAdapter, tokens: ReadonlyMap<string, { readonly exp: number }>): RegistrationAdapter {
  return {
    ...bound(store),
    async find(id) {
      const known = tokens.get(id);
      return known && { jti: id, kind: 'InitialAccessToken', exp: known.exp, policies: [POLICY] };
    },
  };
}

/** Both forms that the provider takes: a class, or a function that makes one. */
function adapterOf(factory: RegistrationAdapterFactory | undefined): (model: string) => RegistrationAdapter {
  if (!factory) throw new TypeError('adapter: a server that registers clients has somewhere to keep them');
  const isClass = typeof factory.prototype === 'object' && factory.prototype !== null;
  return (model) =>
    bound(isClass ? new (factory as new (model: string) => RegistrationAdapter)(model) : (factory as (model: string) => RegistrationAdapter)(model));
}

/** The body as text; undefined: it is larger. */
async function readBody(req: NodeJS.ReadableStream, most: number): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of req) {
    const part = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk;
    bytes += part.length;
    // The rest is read and let go: an answer before its end would be lost on the way.
    if (bytes <= most) text += decoder.decode(part, { stream: true });
    else if (bytes > 16 * most) return undefined;
  }
  return bytes > most ? undefined : text + decoder.decode();
}
