import { z } from 'zod';
import { createKeyCache, isEntityId, type JwkSet, limits, parseJwkSet, parseJws, verifyJws } from '../../federation/entry.js';
import { checkTimes } from '../../federation/jws.js';
import type { Admitted } from '../admission.js';
import { BoundedMap } from '../bounded-map.js';
import type { RelyingParty } from '../relying-party.js';

/** JWT access tokens (RFC 9068): verified where they are used, by what the federation says of who signed them. */

type Introspect = (form: URLSearchParams) => Promise<unknown>;

export interface JwtAccessTokenOptions {
  readonly federation: Pick<RelyingParty, 'admit' | 'development'>;
  /** As for `createResourceServer`. */
  readonly resource: string;
  readonly authorizationServers: readonly string[];
  /**
   * Keys that the metadata of a server names by URL (`jwks_uri`), as JSON. Left out: its metadata has them by value (`jwks`). Which URL,
   * the federation says, and nobody else.
   */
  readonly fetchJwks?: (uri: string) => Promise<unknown>;
  /** Asked about what is no JWT (RFC 7662). */
  readonly otherwise?: Introspect;
  /** Seconds since the epoch. */
  readonly now?: () => number;
}

const MAX_TOKEN = 8192;
const SERVER_TYPES = ['oauth_authorization_server', 'openid_provider'];
/** For how long fetched keys serve, and how soon they are fetched again for a key that is not among them (seconds). */
const KEYS_LAST = 300;
const KEYS_AGAIN = 10;

/** RFC 9068 §2.2. */
const shape = z.looseObject({
  iss: z.string(),
  sub: z.string().min(1).max(2048),
  client_id: z.string().min(1).max(2048),
  jti: z.string().min(1).max(512),
  aud: z.union([z.string(), z.array(z.string()).max(100)]),
  iat: z.number(),
  exp: z.number(),
  nbf: z.number().optional(),
  scope: z.string().max(16_384).optional(),
});

const INACTIVE = { active: false } as const;

/**
 * Answers for `introspect` of `createResourceServer` without asking anybody about the token: who signed it is one of the servers of this
 * resource, in force by the federation, with the keys that the federation says. The client is looked at as with any other token, so a
 * halt ends it; what the server itself takes back (a consent, a session) it does not show. So such tokens are short.
 * @example
 * const who = { federation, resource, authorizationServers };
 * const server = createResourceServer({ ...who, introspect: jwtAccessTokens(who) });
 * @returns rejects where it cannot be found out, which is no yes
 */
export function jwtAccessTokens({
  federation,
  resource,
  authorizationServers,
  fetchJwks,
  otherwise,
  now = () => Math.floor(Date.now() / 1000),
}: JwtAccessTokenOptions): Introspect {
  const keyCache = createKeyCache(100);
  const fetched = new BoundedMap<string, { readonly at: number; readonly jwks: Promise<JwkSet> }>(100);

  async function read(uri: string): Promise<JwkSet> {
    const read = parseJwkSet(await fetchJwks?.(uri), 'jwks_uri', { strict: false });
    if (!read.ok) throw new Error(`what lies at ${uri} is no JWK Set`);
    return read.value;
  }
  /** @param kid of the token: where it is not among the keys, they may be others by now */
  async function keysAt(uri: string, kid: string | undefined): Promise<JwkSet> {
    const known = fetched.get(uri);
    const age = known ? now() - known.at : Number.POSITIVE_INFINITY;
    if (known && age < KEYS_LAST) {
      const jwks = await known.jwks;
      if (age < KEYS_AGAIN || kid === undefined || jwks.keys.some((key) => key.kid === kid)) return jwks;
    }
    const jwks = read(uri);
    fetched.set(uri, { at: now(), jwks });
    jwks.catch(() => fetched.delete(uri));
    return jwks;
  }
  function keysOf({ metadata, jwks }: Admitted, kid: string | undefined): JwkSet | Promise<JwkSet> {
    if (jwks) return jwks;
    const { jwks_uri: uri } = metadata;
    if (!fetchJwks || typeof uri !== 'string') throw new Error('the authorization server has no keys by value in its metadata');
    return keysAt(uri, kid);
  }

  return async (form) => {
    const token = form.get('token') ?? '';
    if (token.split('.').length !== 3) return otherwise ? otherwise(form) : INACTIVE;
    const read = claimsOf(token, now());
    if (!read || !authorizationServers.includes(read.claims.iss) || !audiencesOf(read.claims).includes(resource)) return INACTIVE;
    const { jws, claims } = read;
    const { iss, iat, client_id: clientId } = claims;
    const server = await federation.admit(iss, { requires: { entityType: SERVER_TYPES } });
    if (!server.admitted) {
      if (server.reason === 'unavailable') throw new Error(`whether ${iss} is in force cannot be found out`);
      return INACTIVE;
    }
    if (!signsFor(server.metadata, iss, resource)) return INACTIVE;
    // Whoever had its keys while it was halted, or before, has them no more.
    if (server.notBefore !== undefined && iat < server.notBefore) return INACTIVE;
    const verified = await verifyJws(jws, await keysOf(server, jws.header.kid), keyCache);
    if (!verified.ok) return INACTIVE;
    // What has the form of an Entity Identifier is looked up in the federation, whatever else this resource lets in.
    const entity = isEntityId(clientId, { development: federation.development }) ? { federation: {} } : {};
    return { ...entity, ...claims, active: true };
  };
}

/** The claims of what may be such a token at that time; nothing is verified. One that is bound to a key is none: a bearer proves no key (RFC 9449 §7.2, RFC 8705 §3). */
function claimsOf(token: string, now: number) {
  const jws = parseJws(token, 'at+jwt', MAX_TOKEN, { typAsMediaType: true, kidOptional: true });
  const claims = jws.ok ? shape.safeParse(jws.value.claims).data : undefined;
  if (!jws.ok || !claims || claims['cnf'] !== undefined) return undefined;
  const { iat, exp, nbf } = claims;
  return checkTimes({ iat, exp, ...(nbf !== undefined && { nbf }) }, now, limits.CLOCK_SKEW_SECONDS) ? undefined : { jws: jws.value, claims };
}

const audiencesOf = ({ aud }: z.infer<typeof shape>): readonly string[] => (typeof aud === 'string' ? [aud] : aud);

/** By the metadata of a server, is it that issuer, and does it serve that resource, where it says which (RFC 9728 §4)? */
function signsFor({ issuer, protected_resources: protects }: Readonly<Record<string, unknown>>, iss: string, resource: string): boolean {
  return issuer === iss && (protects === undefined || (Array.isArray(protects) && protects.includes(resource)));
}
