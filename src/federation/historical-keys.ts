import { z } from 'zod';
import { failure, finding, type FindingCode, type Result, success } from './finding.js';
import { type JwkSet, parseJwkSet, type PublicJwk } from './jwk-set.js';
import { parseJws, verifyJws } from './jws.js';
import { JWK_SET_JWT, typOf } from './media-types.js';
import { isObject } from './strict-json.js';
import { numericDate } from './numeric-date.js';
import { failures, Findings, findingPlace } from './places.js';

/** Reasons of OpenID Federation 1.0 §8.7.3; federations may add others. */
export const REVOCATION_REASONS = ['unspecified', 'compromised', 'superseded'] as const;
export type RevocationReason = (typeof REVOCATION_REASONS)[number];

/** A former Federation Entity Key (§8.7.2). Times in seconds since the epoch. */
export interface HistoricalKey extends PublicJwk {
  readonly iat?: number;
  readonly nbf?: number;
  readonly exp: number;
  readonly revoked?: { readonly revoked_at: number; readonly reason?: string };
}

const shape = z.looseObject({ iss: z.string(), iat: numericDate, keys: z.array(z.unknown()) });
const keyShape = z.looseObject({
  kid: z.string().min(1),
  exp: numericDate,
  iat: numericDate.optional(),
  nbf: numericDate.optional(),
  revoked: z.looseObject({ revoked_at: numericDate, reason: z.string().optional() }).optional(),
});
/** Keys of the past that nobody can use now are left out (RFC 7517 §5); a leaked one or a wrong shape is a fault of the answer. */
const UNUSABLE: ReadonlySet<FindingCode> = new Set<FindingCode>(['jwk_weak', 'jwk_unsupported']);

/**
 * Validate a Historical Keys response signed by a current key of its issuer (§8.7.2). It holds as many keys as fit into
 * the size of a statement: each key ever used stays in it.
 */
export async function validateHistoricalKeys(
  compact: unknown,
  issuer: { readonly entityId: string; readonly jwks: JwkSet },
): Promise<Result<readonly HistoricalKey[]>> {
  const jws = parseJws(compact, typOf(JWK_SET_JWT));
  if (!jws.ok) return jws;
  const parsed = shape.safeParse(jws.value.claims);
  if (!parsed.success) return failures(parsed.error.issues.map((issue) => finding('claim_invalid', findingPlace(...issue.path), issue.message)));
  if (parsed.data.iss !== issuer?.entityId) return failure(finding('issuer_mismatch', 'iss', 'it comes from another entity'));
  const current = parseJwkSet(issuer.jwks, 'issuer/jwks', { strict: false });
  if (!current.ok) return current;
  const verified = await verifyJws(jws.value, current.value);
  return verified.ok ? parseKeys(parsed.data.keys) : verified;
}

function parseKeys(values: readonly unknown[]): Result<readonly HistoricalKey[]> {
  const findings = new Findings();
  const keys: HistoricalKey[] = [];
  const kids = new Set<string>();
  for (const [n, value] of values.entries()) {
    if (findings.full) break;
    const one = keyShape.safeParse(value);
    if (!one.success) {
      findings.add(...one.error.issues.map((issue) => finding('claim_invalid', findingPlace('keys', n, ...issue.path), issue.message)));
      continue;
    }
    if (kids.has(one.data.kid)) findings.add(finding('kid_duplicate', findingPlace('keys', n), 'its "kid" occurs twice'));
    kids.add(one.data.kid);
    const key = parseJwkSet({ keys: [one.data] }, 'keys', { strict: false });
    if (key.ok) keys.push(one.data as unknown as HistoricalKey);
    else findings.add(...key.findings.filter(({ code }) => !UNUSABLE.has(code)).map((fault) => ({ ...fault, where: findingPlace('keys', n) })));
  }
  return findings.all.length ? failure(...findings.all) : success(keys);
}

/**
 * The historical key that still vouches for a past statement (§8.7.4): its `iat` lies in the key's lifetime, from `nbf` where that is given, and before
 * any revocation; a key revoked as compromised vouches for nothing.
 */
export function historicalKeyFor(keys: readonly HistoricalKey[], { kid, iat }: { readonly kid: string; readonly iat: number }): HistoricalKey | undefined {
  return keys.find(
    (key) =>
      isObject(key) &&
      key.kid === kid &&
      iat < key.exp &&
      (key.iat === undefined || iat >= key.iat) &&
      (key.nbf === undefined || iat >= key.nbf) &&
      (!isObject(key.revoked) || (key.revoked.reason !== 'compromised' && iat < key.revoked.revoked_at)),
  );
}
