import { z } from 'zod';
import { failure, finding, type Finding, type FindingCode } from './finding.js';
import { type JwkSet, keyFault, parseJwkSet, type PublicJwk } from './jwk-set.js';
import { parseJws, verifyJws } from './jws.js';
import { JWK_SET_JWT, typOf } from './media-types.js';
import { MAX_JSON_VALUES } from './limits.js';
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
/** As in every JWK Set: a secret in a public place, and a name that two keys have, are faults of the whole. */
const OF_THE_WHOLE: ReadonlySet<FindingCode> = new Set<FindingCode>(['jwk_private', 'jwk_symmetric', 'kid_duplicate']);

/** The keys that can be read; `ignored`, where there are any, says of the others why they are left out. They vouch for nothing. */
export type HistoricalKeys =
  | { readonly ok: true; readonly value: readonly HistoricalKey[]; readonly ignored?: readonly Finding[] }
  | { readonly ok: false; readonly findings: readonly Finding[] };

/**
 * Validate a Historical Keys response signed by a current key of its issuer (§8.7.2). It holds as many keys as fit into
 * the size of a statement: each key ever used stays in it, so one that cannot be read is left out and takes none of the
 * others with it (RFC 7517 §5). Refused is a response with a private or symmetric key, or with one `kid` twice.
 */
export async function validateHistoricalKeys(compact: unknown, issuer: { readonly entityId: string; readonly jwks: JwkSet }): Promise<HistoricalKeys> {
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

function parseKeys(values: readonly unknown[]): HistoricalKeys {
  const [fatal, ignored] = [new Findings(), new Findings()];
  const keys: HistoricalKey[] = [];
  const kids = new Set<string>();
  for (const [n, value] of values.entries()) {
    if (fatal.full) break;
    const kid = isObject(value) ? value['kid'] : undefined;
    // Also of a key that cannot be read: what it says of that name, a revocation perhaps, must not be lost.
    if (typeof kid === 'string' && kids.has(kid)) fatal.add(finding('kid_duplicate', findingPlace('keys', n), 'its "kid" occurs twice'));
    if (typeof kid === 'string') kids.add(kid);
    const faults = faultsOf(value, n);
    const exposed = faults.filter(({ code }) => OF_THE_WHOLE.has(code));
    fatal.add(...exposed);
    if (faults.length === 0) keys.push(value as HistoricalKey);
    else if (exposed.length === 0) ignored.add(...faults);
  }
  if (fatal.all.length) return failure(...fatal.all);
  return { ok: true, value: keys, ...(ignored.all.length && { ignored: ignored.all }) };
}

function faultsOf(value: unknown, n: number): readonly Finding[] {
  const fault = keyFault(value, findingPlace('keys', n));
  if (fault && (!isObject(value) || OF_THE_WHOLE.has(fault.code))) return [fault];
  const shaped = keyShape.safeParse(value);
  if (!shaped.success) return shaped.error.issues.map((issue) => finding('claim_invalid', findingPlace('keys', n, ...issue.path), issue.message));
  return fault ? [fault] : [];
}

/**
 * The historical key that still vouches for a past statement (§8.7.4): its `iat` lies in the key's lifetime, from `nbf` where that is given, and before
 * any revocation; a key revoked as compromised vouches for nothing.
 */
export function historicalKeyFor(keys: readonly HistoricalKey[], { kid, iat }: { readonly kid: string; readonly iat: number }): HistoricalKey | undefined {
  // Not a set that was validated: whatever it holds was never proved.
  const given: unknown = keys;
  if (!Array.isArray(given) || given.length > MAX_JSON_VALUES) return undefined;
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
