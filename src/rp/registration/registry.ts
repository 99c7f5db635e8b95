import { type Signer, signJws } from '../../federation/entry.js';
import { systemClock } from '../clock.js';

/** The join API of the authority that this server is a member of. */
export interface RegistryOptions {
  /** The Entity Identifier of that authority: what assertions are for. */
  readonly authority: string;
  /** Where its join API is; `/join/v1` at the host of the authority when left out. */
  readonly joinApi?: string;
  /** The Entity Identifier of this server, which is its issuer. */
  readonly entityId: string;
  /** Signs with a Federation Entity Key of this server. */
  readonly signer: Signer;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** Seconds since the epoch. */
  readonly now?: () => number;
}

export interface Registry {
  /** Use a token up: of any number that ask at once, for whatever request, one is told `redeemed`. */
  redeem(token: string, requestSha256: string, softwareStatementJti: string): Promise<'redeemed' | 'used' | 'refused' | 'unavailable'>;
  /** RFC 7662. */
  introspect(token: string): Promise<Readonly<Record<string, unknown>> | 'unavailable'>;
  /** Tell that a member is a client here. False: not now. */
  report(clientId: string, client: { readonly entityId: string; readonly softwareStatementJti: string }): Promise<boolean>;
  /** Tell that it is none any more. */
  end(clientId: string): Promise<boolean>;
}

const ASSERTION_SECONDS = 60;
const MILLISECONDS = 5000;

type Body = { readonly json: object } | { readonly form: URLSearchParams };

/** What an authorization server asks and tells its registry, as a member of it: by `private_key_jwt` under its federation key. */
export function registryAt({ authority, joinApi, entityId, signer, fetch: ask, now = systemClock.now }: RegistryOptions): Registry {
  const base = (joinApi ?? `${new URL(authority).origin}/join/v1`).replace(/\/$/, '');
  async function call(method: string, path: string, body?: Body): Promise<Response | undefined> {
    const iat = now();
    const claims = { iss: entityId, sub: entityId, aud: authority, iat, exp: iat + ASSERTION_SECONDS, jti: crypto.randomUUID() };
    const assertion = await signJws('client-authentication+jwt', claims, signer);
    const type = body && ('json' in body ? 'application/json' : 'application/x-www-form-urlencoded');
    try {
      return await ask(`${base}${path}`, {
        method,
        headers: { authorization: `Bearer ${assertion}`, accept: 'application/json', ...(type && { 'content-type': type }) },
        ...(body && { body: 'json' in body ? JSON.stringify(body.json) : body.form.toString() }),
        redirect: 'error',
        signal: AbortSignal.timeout(MILLISECONDS),
      });
    } catch {
      return undefined;
    }
  }
  return {
    async redeem(token, requestSha256, softwareStatementJti) {
      const json = { initial_access_token: token, request_sha256: requestSha256, software_statement_jti: softwareStatementJti };
      const response = await call('POST', '/initial-access-tokens/redeem', { json });
      if (!response) return 'unavailable';
      const answer = await objectOf(response);
      if (response.status === 200 && answer) return answer['already_redeemed'] === true ? 'used' : 'redeemed';
      if (answer?.['code'] === 'member_not_active') return 'refused';
      return [403, 409, 410].includes(response.status) ? 'used' : 'unavailable';
    },
    async introspect(token) {
      const response = await call('POST', '/introspect', { form: new URLSearchParams({ token }) });
      return (response?.status === 200 ? await objectOf(response) : undefined) ?? 'unavailable';
    },
    async report(clientId, { entityId: member, softwareStatementJti }) {
      const json = { entity_id: member, method: 'software_statement', software_statement_jti: softwareStatementJti };
      return (await call('PUT', `/registrations/${encodeURIComponent(clientId)}`, { json }))?.status === 200;
    },
    async end(clientId) {
      const status = (await call('DELETE', `/registrations/${encodeURIComponent(clientId)}`))?.status;
      return status === 200 || status === 404;
    },
  };
}

async function objectOf(response: Response): Promise<Readonly<Record<string, unknown>> | undefined> {
  const value: unknown = await response.json().catch(() => undefined);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}
