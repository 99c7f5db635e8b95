import { limits, parseJws } from '../../federation/entry.js';
import type { ProviderContext } from './provider-types.js';

/** Client assertions (RFC 7523) and Request Objects (RFC 9101), typed or not. */
const TYPES = ['jwt', 'client-authentication+jwt', 'oauth-authz-req+jwt'];

/**
 * The Trust Chain that a client sent along: in the header of its assertion or Request Object (OpenID Federation 1.0 §4.3), or as a
 * claim of the latter (§12.1.1.1). Nothing is verified here: it is a hint, and whoever signed it is not known yet.
 */
export function suppliedChain(ctx: ProviderContext | undefined, client: string): readonly string[] | undefined {
  const { params, body } = ctx?.oidc ?? {};
  for (const name of ['client_assertion', 'request']) {
    const jws = parseJws(params?.[name] ?? body?.[name], TYPES, limits.MAX_CHAIN_BYTES, { typOptional: true, kidOptional: true, typAsMediaType: true });
    if (!jws.ok || jws.value.claims['iss'] !== client) continue;
    const chain = jws.value.header['trust_chain'] ?? (name === 'request' ? jws.value.claims['trust_chain'] : undefined);
    if (Array.isArray(chain) && chain.every((one) => typeof one === 'string')) return chain;
  }
  return undefined;
}
