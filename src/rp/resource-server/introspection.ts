import { z } from 'zod';
import { parseJws } from '../../federation/entry.js';
import { hashed } from '../../federation/sha256.js';
import { BoundedMap } from '../bounded-map.js';

/** What a token is asked about with (RFC 7662): form in, JSON text out; the caller authenticates itself there. */
export type Introspect = (form: URLSearchParams) => Promise<unknown>;

/** Tokens that something is remembered of, by their hash. */
export const MAX_REMEMBERED = 10_000;
const MAX_TOKEN = 8192;

const answer = z.looseObject({
  active: z.boolean(),
  client_id: z.string().max(2048).optional(),
  sub: z.string().max(2048).optional(),
  jti: z.string().max(512).optional(),
  scope: z.string().max(16_384).optional(),
  aud: z.union([z.string(), z.array(z.string()).max(100)]).optional(),
  iss: z.string().optional(),
  iat: z.number().optional(),
  exp: z.number().optional(),
  authorization_details: z.array(z.unknown()).max(100).optional(),
  /** What the token is bound to (RFC 9449 §6.2, RFC 8705 §3.2). */
  cnf: z.unknown().optional(),
  federation: z.record(z.string(), z.unknown()).optional(),
});
export type Introspected = z.infer<typeof answer>;

export const tokenHash = (token: string): string => hashed.hex(token);

/** Ask about a token; undefined: whoever could say does not. */
export type Ask = (token: string) => Promise<Introspected | undefined>;

/**
 * Where there are several authorization servers, whose token is it? A JWT says so itself; of an opaque one they are asked in the
 * order of the list, until one knows it, and from then on that one alone. So each of them may see tokens of those after it: name
 * servers that may, or give each a resource of its own.
 * @param introspect one for all, or one for each issuer
 * @throws TypeError for an issuer that nobody is asked at
 */
export function introspection(introspect: Introspect | Readonly<Record<string, Introspect>>, issuers: readonly string[]): Ask {
  const one = async (ask: Introspect, token: string): Promise<Introspected | undefined> => {
    try {
      return answer.safeParse(await ask(new URLSearchParams({ token, token_type_hint: 'access_token' }))).data;
    } catch {
      return undefined;
    }
  };
  if (typeof introspect === 'function') return (token) => one(introspect, token);
  const asked = issuers.map((issuer) => {
    const ask = Object.hasOwn(introspect, issuer) ? introspect[issuer] : undefined;
    if (!ask) throw new TypeError(`introspect: nobody is asked about tokens of ${issuer}`);
    return { issuer, ask };
  });
  const known = new BoundedMap<string, string>(MAX_REMEMBERED);
  return async (token) => {
    const hash = tokenHash(token);
    const issuer = known.get(hash) ?? issuerIn(token);
    let silent = asked.length === 0;
    for (const server of asked) {
      if (issuer !== undefined && server.issuer !== issuer) continue;
      const said = await one(server.ask, token);
      if (!said) silent = true;
      // Nobody speaks for another issuer.
      if (!said?.active || (said.iss !== undefined && said.iss !== server.issuer)) continue;
      known.set(hash, server.issuer);
      return said;
    }
    return silent ? undefined : { active: false };
  };
}

/** What a JWT says; nothing is verified: it decides who is asked. */
function issuerIn(token: string): string | undefined {
  const jws = parseJws(token, ['at+jwt', 'jwt'], MAX_TOKEN, { typOptional: true, kidOptional: true, typAsMediaType: true });
  return jws.ok && typeof jws.value.claims['iss'] === 'string' ? jws.value.claims['iss'] : undefined;
}
