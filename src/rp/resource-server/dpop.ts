import { base64url, calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose';
import { z } from 'zod';
import { limits, SIGNING_ALGORITHMS } from '../../federation/entry.js';
import { type Spent, spentOnce } from '../spent.js';

/** What of a request a token that is bound to a key is looked at with (RFC 9449). */
export interface BoundRequest {
  readonly method: string;
  /** Its path, with or without query; the host is that of the resource, whatever stands in front of it. */
  readonly path: string;
  /** The header `DPoP`; several are none. */
  readonly proof: string | undefined;
}

/** A proof is for now (seconds), so that its `jti` need not be remembered for longer. */
const MAX_AGE_SECONDS = 60;
const MAX_PROOF = 8192;

const claims = z.looseObject({ jti: z.string().min(1).max(256), htm: z.string(), htu: z.string().max(2048), iat: z.number(), ath: z.string() });
/** What a token is bound to in another way cannot be looked at here, and is not taken. */
const confirmation = z.strictObject({ jkt: z.string().length(43) });

/**
 * Proofs of possession at one resource (RFC 9449 §4.3, §7.1): signed by the key that the token is bound to, for this method and URL
 * and this very token, now, and not seen before in this process.
 * @param spent by key: whoever proves his own without end shuts out nobody else
 * @returns what is wrong with one; undefined when nothing is
 */
export function dpopProofs(resource: URL, now: () => number = () => Date.now() / 1000, spent: Spent = spentOnce()) {
  return async (token: string, cnf: unknown, request: BoundRequest | undefined): Promise<string | undefined> => {
    const bound = confirmation.safeParse(cnf).data;
    if (!bound) return 'the token is bound to what is not looked at here';
    const { proof, method, path } = request ?? {};
    if (proof === undefined || method === undefined || path === undefined) return 'there is no proof of the key';
    if (proof.length > MAX_PROOF) return 'the proof is too large';
    try {
      const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt', algorithms: [...SIGNING_ALGORITHMS] });
      const said = claims.safeParse(payload).data;
      if (!said || !protectedHeader.jwk) return 'the proof has not all the claims';
      if (Math.abs(now() - said.iat) > MAX_AGE_SECONDS + limits.CLOCK_SKEW_SECONDS) return 'the proof is not of now';
      if (said.htm !== method || !isOf(said.htu, resource, path)) return 'the proof is for another request';
      if (said.ath !== base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token)))))
        return 'the proof is for another token';
      if ((await calculateJwkThumbprint(protectedHeader.jwk)) !== bound.jkt) return 'the proof is of another key';
      // Until it is none any more, which is later for one that says a time to come.
      const until = said.iat + MAX_AGE_SECONDS + limits.CLOCK_SKEW_SECONDS + 1;
      return spent.take(bound.jkt, `${bound.jkt} ${said.jti}`, until, now()) ? undefined : 'the proof was used before';
    } catch {
      return 'the proof is none, or its signature does not hold';
    }
  };
}

/** The target of a proof is the URL without query and fragment (RFC 9449 §4.2). */
function isOf(htu: string, resource: URL, path: string): boolean {
  try {
    const [said, asked] = [new URL(htu), new URL(path, resource)];
    return said.origin === resource.origin && asked.origin === resource.origin && said.pathname === asked.pathname;
  } catch {
    return false;
  }
}
