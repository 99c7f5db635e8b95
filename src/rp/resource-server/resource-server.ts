import { isEntityId, SIGNING_ALGORITHMS } from '../../federation/entry.js';
import type { Admission } from '../admission.js';
import { BoundedMap } from '../bounded-map.js';
import type { FederationContext } from '../context.js';
import type { RelyingParty } from '../relying-party.js';
import { protectedResourceUrl } from '../verify-resource.js';
import { type BoundRequest, dpopProofs } from './dpop.js';
import { type Introspect, type Introspected, introspection, MAX_REMEMBERED, tokenHash } from './introspection.js';
import { readUrl } from '../../federation/read-url.js';

const CLIENT_TYPES = ['openid_relying_party', 'oauth_client'];

export interface ResourceServerOptions {
  readonly federation: RelyingParty;
  /** Its own URL, which tokens are for (RFC 8707) and the metadata is about (RFC 9728). */
  readonly resource: string;
  /** The issuers of tokens for it. */
  readonly authorizationServers: readonly string[];
  readonly scopesSupported?: readonly string[];
  /** Types of Trust Marks that each client has to bear, with each call. */
  readonly marks?: readonly string[];
  /** Further members of the metadata. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Who is asked about a token: one for all, or one for each issuer. */
  readonly introspect: Introspect | Readonly<Record<string, Introspect>>;
  /** Clients that are no Entity Identifiers have no gate; refused when left out. */
  readonly otherClients?: boolean;
  /** Told of each decision. */
  readonly log?: (told: CallContext) => void;
}

/** What a call rests on, for the log of the resource: the context that came with the token, and that of the gate now. */
export interface CallContext extends FederationContext {
  readonly resource: string;
  readonly client_id?: string;
  readonly sub?: string;
  readonly jti?: string;
  readonly status: number;
  /** Why it was refused, as the caller is told. */
  readonly reason?: string;
}

export interface Call {
  readonly clientId: string;
  readonly subject: string | undefined;
  readonly scopes: readonly string[];
  readonly authorizationDetails: readonly unknown[] | undefined;
  readonly context: CallContext;
}

export type Checked =
  | { readonly ok: true; readonly call: Call }
  | {
      readonly ok: false;
      readonly status: 401 | 403 | 503;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Readonly<Record<string, string>>;
    };

/** RFC 6750 §2.1, RFC 9449 §7.1: both schemes carry a b64token or a token68, which are the same. */
const CREDENTIALS = /^(Bearer|DPoP) +([A-Za-z0-9._~+/-]{1,8192}=*)$/i;

/** A server of one protected resource. */
export interface ResourceServer {
  /** Where its metadata lies, and what it is (RFC 9728). */
  readonly metadataUrl: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /**
   * May whoever sends this `Authorization` header do something that needs these scopes? Asks the authorization server about the token
   * and the federation about its client, now. A token that is bound to a key is good with a proof of it only (RFC 9449).
   */
  check(authorization: string | undefined, scopes?: readonly string[], request?: BoundRequest): Promise<Checked>;
}

/** @throws TypeError for a resource that is no URL, and for an issuer that nobody is asked at */
export function createResourceServer(options: ResourceServerOptions): ResourceServer {
  const { federation, resource, authorizationServers, scopesSupported, marks, otherClients = false, log = () => undefined } = options;
  const ask = introspection(options.introspect, authorizationServers);
  const known = new BoundedMap<string, CallContext>(MAX_REMEMBERED);
  const place = readUrl(resource);
  if (!place || resource.includes('#')) throw new TypeError('resource: an absolute URL without fragment (RFC 8707 §2)');
  const metadataUrl = protectedResourceUrl(place);
  const proofFault = dpopProofs(place);
  const quoted = (text: string): string => text.replace(/["\\\p{C}]/gu, '');

  function refuse(
    status: 401 | 403 | 503,
    error: string | undefined,
    description: string,
    about: Partial<CallContext>,
    scopes: readonly string[] = [],
    scheme: 'Bearer' | 'DPoP' = 'Bearer',
  ): Checked {
    const parts = [
      ...(scheme === 'DPoP' ? [`algs="${SIGNING_ALGORITHMS.join(' ')}"`] : []),
      ...(error === undefined ? [] : [`error="${error}"`, `error_description="${quoted(description)}"`]),
      ...(scopes.length > 0 ? [`scope="${quoted(scopes.join(' '))}"`] : []),
      `resource_metadata="${quoted(metadataUrl)}"`,
    ];
    const decision = status === 503 ? ('unavailable' as const) : ('denied' as const);
    log({ entity: about.client_id ?? '', ...about, decision, resource, status, reason: description });
    return {
      ok: false,
      status,
      headers: { 'cache-control': 'no-store', ...(status === 503 ? { 'retry-after': '5' } : { 'www-authenticate': `${scheme} ${parts.join(', ')}` }) },
      body: { error: error ?? 'unauthorized', error_description: description },
    };
  }

  /** The client of a token, now; undefined: one that no federation knows, where such are let in. */
  async function clientOf(clientId: string, entity: unknown): Promise<Admission | undefined> {
    const requires = { entityType: CLIENT_TYPES, ...(marks && { marks }) };
    const isUrl = isEntityId(clientId, { development: federation.development });
    if (!isUrl && otherClients && entity === undefined) return undefined;
    // What a server gave a client for a name when that registered: which entity it is, it says itself.
    if (!isUrl && typeof entity === 'string') return federation.admit(entity, { requires });
    const client = await federation.admitClient(clientId, { requires });
    if (!client.admitted || entity === undefined || entity === client.entity) return client;
    return { ...client, admitted: false, reason: 'denied', error: 'invalid_client', findings: [], context: { ...client.context, decision: 'denied' } };
  }

  return {
    metadataUrl,
    metadata: {
      ...options.metadata,
      resource,
      authorization_servers: authorizationServers,
      bearer_methods_supported: ['header'],
      dpop_signing_alg_values_supported: SIGNING_ALGORITHMS,
      ...(scopesSupported && { scopes_supported: scopesSupported }),
    },
    async check(authorization, scopes = [], request) {
      // Without a token there is no error to tell (RFC 6750 §3.1).
      if (authorization === undefined || authorization === '') return refuse(401, undefined, 'a token is needed', {}, scopes);
      const [, scheme = '', token] = CREDENTIALS.exec(authorization) ?? [];
      if (token === undefined) return refuse(401, 'invalid_token', 'it is no bearer token', {}, scopes);
      const said = await ask(token);
      if (!said) return refuse(503, 'temporarily_unavailable', 'no authorization server says whether the token is active', {});
      const { client_id: clientId, sub, jti, scope = '', iat, authorization_details: details, federation: vouched } = said;
      const about = present({ client_id: clientId, sub, jti });
      const fault = faultOf(said, resource, authorizationServers);
      // Of a token that is not active any more nobody says whose it is: for the log it is whose it was.
      const before = said.active ? {} : known.get(tokenHash(token));
      if (fault !== undefined || clientId === undefined)
        return refuse(401, 'invalid_token', fault ?? 'the token is of nobody', { ...before, ...about }, scopes);
      const client = await clientOf(clientId, vouched?.['entity']);
      const context = contextOf(vouched, client?.context ?? { entity: clientId, decision: 'admitted' });
      const unproved = await possessionFault(proofFault, scheme, token, said.cnf, request);
      if (unproved) return refuse(401, unproved.error, unproved.why, { ...context, ...about }, scopes, unproved.scheme);
      if (client && !client.admitted)
        return client.reason === 'unavailable'
          ? refuse(503, 'temporarily_unavailable', 'whether the client is in force cannot be found out', { ...context, ...about })
          : refuse(401, 'invalid_token', 'the client is not in force', { ...context, ...about }, scopes);
      if (client?.notBefore !== undefined && !(iat !== undefined && iat >= client.notBefore))
        return refuse(401, 'invalid_token', 'the token was issued before its client came back', { ...context, ...about }, scopes);
      const held = scope.split(' ').filter(Boolean);
      if (scopes.some((one) => !held.includes(one)))
        return refuse(403, 'insufficient_scope', 'the token has not all the scopes', { ...context, ...about }, scopes);
      const told: CallContext = { ...context, ...about, decision: 'admitted', resource, status: 200 };
      known.set(tokenHash(token), told);
      log(told);
      return { ok: true, call: { clientId, subject: sub, scopes: held, authorizationDetails: details, context: told } };
    },
  };
}

/** The members that are there. */
const present = (members: Readonly<Record<'client_id' | 'sub' | 'jti', string | undefined>>): { client_id?: string; sub?: string; jti?: string } =>
  Object.fromEntries(Object.entries(members).filter(([, one]) => one !== undefined));

/** Whoever stole a token that is bound to a key has not the key; and a proof proves nothing of one that is bound to none (RFC 9449 §7). */
async function possessionFault(proofFault: ReturnType<typeof dpopProofs>, scheme: string, token: string, cnf: unknown, request: BoundRequest | undefined) {
  const isProved = scheme.toLowerCase() === 'dpop';
  if (cnf === undefined && !isProved) return undefined;
  if (cnf === undefined) return { error: 'invalid_token', why: 'the token is bound to no key', scheme: 'Bearer' } as const;
  if (!isProved) return { error: 'invalid_token', why: 'the token is bound to a key, and no bearer token', scheme: 'DPoP' } as const;
  const why = await proofFault(token, cnf, request);
  return why === undefined ? undefined : ({ error: 'invalid_dpop_proof', why, scheme: 'DPoP' } as const);
}

/** What is wrong with a token by what its authorization server says. */
function faultOf({ active, exp, iss, aud }: Introspected, resource: string, issuers: readonly string[]): string | undefined {
  if (!active) return 'the token is not active';
  if (exp !== undefined && exp <= Date.now() / 1000) return 'the token has ended';
  if (iss !== undefined && !issuers.includes(iss)) return 'the token is of another issuer';
  return (typeof aud === 'string' ? [aud] : (aud ?? [])).includes(resource) ? undefined : 'the token is for another resource';
}

const NAMES = ['organization', 'authority', 'anchor', 'chain_sha256'] as const;
const NUMBERS = ['statement_exp', 'entitlement_version', 'policy_version', 'status_seq'] as const;

/** What a call rests on: what the authorization server put into the token (what of it has the form), else what is known of the client now. */
function contextOf(vouched: Readonly<Record<string, unknown>> | undefined, now: FederationContext): FederationContext {
  const kept = Object.entries(vouched ?? {}).filter(
    ([name, value]) =>
      ((NAMES as readonly string[]).includes(name) && typeof value === 'string' && value.length <= 2048) ||
      ((NUMBERS as readonly string[]).includes(name) && typeof value === 'number'),
  );
  return { ...now, ...Object.fromEntries(kept) };
}
