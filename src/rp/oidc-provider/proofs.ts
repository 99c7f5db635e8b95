import { type JwkSet, limits, parseJws, verifyJws } from '../../federation/entry.js';
import type { Admitted } from '../admission.js';
import { spentOnce } from '../spent.js';
import { invalidClient, OAuthError } from './oauth-error.js';
import type { ProofHook, ProviderContext } from './provider-types.js';

/** A Request Object lives no longer (seconds), so that its `jti` need not be remembered for ever. */
const MAX_REQUEST_SECONDS = 3600;
const MAX_JTI = 256;
const OBJECT_TYPES = ['jwt', 'oauth-authz-req+jwt'];

type Claims = Readonly<Record<string, unknown>>;

/** `aud` is the server's own identifier and nothing else (AR-06, AR-15): what is for two is replayed by the other one. */
const isFor = (issuer: string, { aud }: Claims): boolean => aud === issuer || (Array.isArray(aud) && aud.length === 1 && aud[0] === issuer);

/** A `jti` that can be remembered. */
const jtiOf = ({ jti }: Claims): string | undefined => (typeof jti === 'string' && jti.length > 0 && jti.length <= MAX_JTI ? jti : undefined);

export interface ProofOptions {
  readonly known: (clientId: string) => Admitted | undefined;
  readonly now: () => number;
}

/** What clients of a federation prove their key with, beyond what the provider looks at. Other clients are none of its business. */
export function proofHooks({ known, now }: ProofOptions): { readonly assertion: ProofHook; readonly requestObject: ProofHook } {
  // In this process: two requests at the same moment both find nothing in a store.
  const spent = spentOnce();
  const spend = (clientId: string, name: string, exp: number) => spent.take(clientId, name, exp + limits.CLOCK_SKEW_SECONDS, now());
  return {
    assertion(ctx, claims, _header, { clientId }) {
      if (!known(clientId)) return;
      const { exp } = claims as { readonly exp: number };
      if (!isFor(ctx.oidc.issuer, claims)) throw invalidClient('aud is not the issuer alone');
      if (!(exp <= now() + limits.MAX_ASSERTION_LIFETIME + limits.CLOCK_SKEW_SECONDS)) throw invalidClient('the assertion lives too long');
      if (claims['sub'] !== clientId) throw invalidClient('sub is not the client');
      const jti = jtiOf(claims);
      if (jti === undefined || !spend(clientId, `assertion ${clientId} ${jti}`, exp)) throw invalidClient('the assertion was used before');
    },
    async requestObject(ctx, claims, _header, { clientId }) {
      const facts = known(clientId);
      // What was pushed has been looked at when it was.
      if (!facts || Object.hasOwn(ctx.oidc.entities, 'PushedAuthorizationRequest')) return;
      const no = (why: string) => new OAuthError(400, 'invalid_request_object', why);
      const { exp } = claims;
      if (claims['sub'] !== undefined) throw no('a Request Object has no sub');
      if (!isFor(ctx.oidc.issuer, claims)) throw no('aud is the issuer alone');
      if (claims['iss'] !== clientId || claims['client_id'] !== clientId) throw no('iss and client_id are the client');
      if (typeof exp !== 'number' || exp > now() + MAX_REQUEST_SECONDS) throw no(`exp is at most ${MAX_REQUEST_SECONDS} s from now`);
      const jti = jtiOf(claims);
      if (jti === undefined) throw no('there is no jti');
      // A jti is spent by who has the key, and by nobody else; a signature that does not hold is the provider's to refuse.
      if (!(await isSigned(ctx, facts.metadata))) return;
      const key = `request ${clientId}`;
      const fresh =
        spend(clientId, `${key} ${jti}`, exp) && (await ctx.oidc.provider.ReplayDetection.unique(key, jti, Math.ceil(exp) + limits.CLOCK_SKEW_SECONDS));
      if (!fresh) throw no('the Request Object was used before');
    },
  };
}

async function isSigned(ctx: ProviderContext, metadata: Claims): Promise<boolean> {
  const jws = parseJws(ctx.oidc.params?.['request'], OBJECT_TYPES, limits.MAX_CHAIN_BYTES, { typOptional: true, kidOptional: true, typAsMediaType: true });
  return jws.ok && (await verifyJws(jws.value, metadata['jwks'] as JwkSet)).ok;
}
