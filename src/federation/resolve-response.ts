import { z } from 'zod';
import { type EntityIdOptions, isEntityId } from './entity-id.js';
import { failure, finding, type Finding, quote, type Result, success } from './finding.js';
import type { JwkSet } from './jwk-set.js';
import { checkTimes, parseJws, type Signer, signJws, verifyJws } from './jws.js';
import { CLOCK_SKEW_SECONDS, MAX_CHAIN_BYTES, MAX_CHAIN_DEPTH, MAX_TIME, MAX_TRUST_MARKS } from './limits.js';
import { ENTITY_STATEMENT, RESOLVE_RESPONSE, typOf } from './media-types.js';
import { type Metadata, parseMetadata } from './metadata.js';

/** Claims of a resolve response (OpenID Federation 1.0 §8.3.2). Times in seconds since the epoch. */
export interface ResolveResponseClaims {
  readonly iss: string;
  readonly sub: string;
  readonly iat: number;
  /** The smallest of the chain's expiry and that of each mark included. */
  readonly exp: number;
  readonly metadata: Metadata;
  /** From the subject's Entity Configuration to the Trust Anchor's. */
  readonly trust_chain: readonly string[];
  readonly trust_marks?: readonly { readonly trust_mark_type: string; readonly trust_mark: string }[];
  readonly aud?: string;
}

/** Sign a resolve response. Findings: too_large. */
export async function signResolveResponse(claims: ResolveResponseClaims, signer: Signer): Promise<Result<string>> {
  const compact = await signJws(typOf(RESOLVE_RESPONSE), claims, signer);
  return compact.length > MAX_CHAIN_BYTES
    ? failure(finding('too_large', 'resolve response', `${compact.length} bytes, more than ${MAX_CHAIN_BYTES}`))
    : success(compact);
}

export interface ResolveResponseOptions extends EntityIdOptions {
  readonly now: number;
  /** The resolver, its Federation Entity Keys known to the caller: using it means trusting it (§8.3.3). */
  readonly resolver: { readonly entityId: string; readonly jwks: JwkSet };
  readonly subject: string;
  readonly trustAnchor: string;
  /** The caller's own identifier: an `aud` that is present must be it. */
  readonly audience?: string;
}

const time = z.number().int().min(0).max(MAX_TIME);
const shape = z.looseObject({
  iss: z.string(),
  sub: z.string(),
  iat: time,
  exp: time,
  metadata: z.unknown(),
  trust_chain: z
    .array(z.string())
    .min(1)
    .max(MAX_CHAIN_DEPTH + 2),
  trust_marks: z
    .array(z.looseObject({ trust_mark_type: z.string(), trust_mark: z.string() }))
    .max(MAX_TRUST_MARKS)
    .optional(),
  aud: z.string().optional(),
});

/**
 * Validate a resolve response: `typ`, claims, resolver, subject, Trust Anchor, times and signature. The chain inside can
 * be validated as well, with `validateTrustChain` and pinned keys, by whoever does not want to take the resolver's word.
 */
export async function validateResolveResponse(compact: unknown, options: ResolveResponseOptions): Promise<Result<ResolveResponseClaims>> {
  const jws = parseJws(compact, typOf(RESOLVE_RESPONSE), MAX_CHAIN_BYTES);
  if (!jws.ok) return jws;
  const parsed = shape.safeParse(jws.value.claims);
  if (!parsed.success) return failure(...parsed.error.issues.map((issue) => finding('claim_invalid', issue.path.join('/'), issue.message)));
  const claims = parsed.data;
  const findings: Finding[] = [...checkEnds(claims.trust_chain, options)];
  const metadata = parseMetadata(claims.metadata);
  if (!metadata.ok) findings.push(...metadata.findings);
  if (!isEntityId(claims.iss, options) || claims.iss !== options.resolver.entityId)
    findings.push(finding('issuer_mismatch', 'iss', `it names ${quote(claims.iss)}, not ${quote(options.resolver.entityId)}`));
  if (claims.sub !== options.subject) findings.push(finding('subject_mismatch', 'sub', `it is about ${quote(claims.sub)}, not ${quote(options.subject)}`));
  if (claims.aud !== undefined && claims.aud !== options.audience) findings.push(finding('audience_wrong', 'aud', `it is for ${quote(claims.aud)}`));
  const late = checkTimes(claims, options.now, CLOCK_SKEW_SECONDS);
  if (late) findings.push(late);
  if (findings.length) return failure(...findings);
  const key = await verifyJws(jws.value, options.resolver.jwks);
  return key.ok ? success(claims as unknown as ResolveResponseClaims) : key;
}

/** The chain begins with the subject's Entity Configuration and ends with the Trust Anchor's (§8.3.2). */
function checkEnds(chain: readonly string[], { subject, trustAnchor }: ResolveResponseOptions): readonly Finding[] {
  const about = (compact: string | undefined) => {
    const jws = parseJws(compact, typOf(ENTITY_STATEMENT));
    return jws.ok ? { iss: jws.value.claims['iss'], sub: jws.value.claims['sub'] } : {};
  };
  const ends = [
    ['first', about(chain[0]), subject],
    ['last', about(chain.at(-1)), trustAnchor],
  ] as const;
  return ends
    .filter(([, { iss, sub }, id]) => iss !== id || sub !== id)
    .map(([which, , id]) => finding('chain_malformed', 'trust_chain', `its ${which} statement is not the Entity Configuration of ${quote(id)}`));
}
