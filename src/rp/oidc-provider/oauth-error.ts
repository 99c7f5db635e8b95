import type { Refused } from '../admission.js';
import type { ProviderContext } from './provider-types.js';

/** An OAuth error as oidc-provider shows it. At the authorization endpoint none of them leads to a redirect (AR-17). */
export class OAuthError extends Error {
  readonly expose = true;
  readonly allow_redirect = false;
  readonly statusCode: number;
  constructor(
    readonly status: number,
    readonly error: string,
    readonly error_description: string,
    /** Why, for the log of the provider; nobody else is told. */
    readonly error_detail?: string,
  ) {
    super(error);
    this.name = 'OAuthError';
    this.statusCode = status;
  }
}

export const invalidClient = (detail: string): OAuthError => new OAuthError(401, 'invalid_client', 'client authentication failed', detail);

/** The errors that only a pushed request is answered with (OpenID Federation 1.0 §12.1.3). */
const OF_TRUST: Readonly<Record<string, string>> = {
  invalid_trust_anchor: 'no Trust Anchor of this server is above the client',
  invalid_trust_chain: 'no valid Trust Chain leads from the client to a Trust Anchor of this server',
  invalid_metadata: 'the metadata of the client is not acceptable',
};

/**
 * What a client is told that is not admitted. It is always thrown: an answer "not found" would have the provider fetch the
 * identifier as a metadata document, and let in whoever publishes one there.
 */
export function refusal({ error, reason, findings }: Pick<Refused, 'error' | 'reason' | 'findings'>, ctx: ProviderContext | undefined): OAuthError {
  const detail = findings.map(({ code, where, detail: said }) => `${code} at ${where}: ${said}`).join('; ');
  if (reason === 'unavailable') {
    ctx?.set?.('Retry-After', '5');
    return new OAuthError(503, 'temporarily_unavailable', 'whether the client is in force cannot be found out', detail);
  }
  const route = ctx?.oidc.route;
  const trust = OF_TRUST[error];
  if (route === 'pushed_authorization_request' && trust !== undefined) return new OAuthError(400, error, trust, detail);
  if (route === 'userinfo') return new OAuthError(401, 'invalid_token', 'invalid token provided', detail);
  return invalidClient(detail);
}
