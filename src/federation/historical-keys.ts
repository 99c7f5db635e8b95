import { z } from 'zod';
import { failure, finding, type Result, success } from './finding.js';
import { type JwkSet, parseJwkSet, type PublicJwk } from './jwk-set.js';
import { parseJws, verifyJws } from './jws.js';
import { MAX_TIME } from './limits.js';
import { JWK_SET_JWT, typOf } from './media-types.js';

/** Reasons of OpenID Federation 1.0 §8.7.3; federations may add others. */
export const REVOCATION_REASONS = ['unspecified', 'compromised', 'superseded'] as const;
export type RevocationReason = (typeof REVOCATION_REASONS)[number];

/** A former Federation Entity Key (§8.7.2). Times in seconds since the epoch. */
export interface HistoricalKey extends PublicJwk {
  readonly iat?: number;
  readonly exp: number;
  readonly revoked?: { readonly revoked_at: number; readonly reason?: string };
}

const time = z.number().int().min(0).max(MAX_TIME);
const shape = z.looseObject({
  iss: z.string(),
  iat: time,
  keys: z.array(
    z.looseObject({
      kid: z.string().min(1),
      exp: time,
      iat: time.optional(),
      revoked: z.looseObject({ revoked_at: time, reason: z.string().optional() }).optional(),
    }),
  ),
});

/** Validate a Historical Keys response signed by a current key of its issuer (§8.7.2). */
export async function validateHistoricalKeys(
  compact: unknown,
  issuer: { readonly entityId: string; readonly jwks: JwkSet },
): Promise<Result<readonly HistoricalKey[]>> {
  const jws = parseJws(compact, typOf(JWK_SET_JWT));
  if (!jws.ok) return jws;
  const parsed = shape.safeParse(jws.value.claims);
  if (!parsed.success) return failure(...parsed.error.issues.map((issue) => finding('claim_invalid', issue.path.join('/'), issue.message)));
  if (parsed.data.iss !== issuer.entityId) return failure(finding('issuer_mismatch', 'iss', 'it comes from another entity'));
  if (parsed.data.keys.length) {
    const keys = parseJwkSet({ keys: parsed.data.keys }, 'keys', { strict: false });
    if (!keys.ok) return keys;
  }
  const key = await verifyJws(jws.value, issuer.jwks);
  return key.ok ? success(parsed.data.keys as unknown as readonly HistoricalKey[]) : key;
}

/**
 * The historical key that still vouches for a past statement (§8.7.4): its `iat` lies in the key's lifetime and before
 * any revocation; a key revoked as compromised vouches for nothing.
 */
export function historicalKeyFor(keys: readonly HistoricalKey[], { kid, iat }: { readonly kid: string; readonly iat: number }): HistoricalKey | undefined {
  return keys.find(
    (key) =>
      key.kid === kid &&
      iat < key.exp &&
      (key.iat === undefined || iat >= key.iat) &&
      (!key.revoked || (key.revoked.reason !== 'compromised' && iat < key.revoked.revoked_at)),
  );
}
