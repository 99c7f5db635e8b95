import { z } from 'zod';
import { markList } from './claim-lists.js';
import { type EntityIdOptions, isEntityId } from './entity-id.js';
import { failure, finding, type Finding, quote, type Result, success } from './finding.js';
import { type JwkSet, parseJwkSet } from './jwk-set.js';
import { checkTimes, parseJws, type Signer, signJws, verifyJws } from './jws.js';
import { CLOCK_SKEW_SECONDS, MAX_CHAIN_BYTES, MAX_CHAIN_DEPTH } from './limits.js';
import { ENTITY_STATEMENT, RESOLVE_RESPONSE, typOf } from './media-types.js';
import { type Metadata, parseMetadata } from './metadata.js';
import { numericDate, requireNow, timeFaults } from './numeric-date.js';
import { failures, findingPlace } from './places.js';

/** Claims of a resolve response (OpenID Federation 1.0 §8.3.2). Times in seconds since the epoch. */
export interface ResolveResponseClaims {
  readonly iss: string;
  readonly sub: string;
  readonly iat: number;
  /** The smallest of the chain's expiry and that of each mark included. */
  readonly exp: number;
  readonly metadata: Metadata;
  /** From the subject's Entity Configuration to the Trust Anchor, whose own configuration may be left out (§4). */
  readonly trust_chain: readonly string[];
  readonly trust_marks?: readonly { readonly trust_mark_type: string; readonly trust_mark: string }[];
  readonly aud?: string;
}

/** Sign a resolve response. Findings: claim_invalid (a time that is not a whole number of seconds), too_large. */
export async function signResolveResponse(claims: ResolveResponseClaims, signer: Signer): Promise<Result<string>> {
  const faults = timeFaults(claims, ['iat', 'exp']);
  if (faults.length) return failure(...faults);
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

const shape = z.looseObject({
  iss: z.string(),
  sub: z.string(),
  iat: numericDate,
  exp: numericDate,
  metadata: z.unknown(),
  // The length is looked at before the elements.
  trust_chain: z
    .array(z.unknown())
    .min(1)
    .max(MAX_CHAIN_DEPTH + 2)
    .pipe(z.array(z.string())),
  trust_marks: markList.optional(),
  // RFC 7519 §4.1.3 allows both forms; a response is for one requester (§8.3.2).
  aud: z.union([z.string(), z.tuple([z.string()], 'it names one audience').readonly()]).optional(),
});

/**
 * Validate a resolve response: `typ`, claims, resolver, subject, Trust Anchor, times and signature. The chain inside can
 * be validated as well, with `validateTrustChain` and pinned keys, by whoever does not want to take the resolver's word.
 * @returns the claims; an `aud` that came as an array of one is given as its text
 * @throws TypeError without a finite `now`
 */
export async function validateResolveResponse(compact: unknown, options: ResolveResponseOptions): Promise<Result<ResolveResponseClaims>> {
  requireNow(options?.now);
  const jws = parseJws(compact, typOf(RESOLVE_RESPONSE), MAX_CHAIN_BYTES);
  if (!jws.ok) return jws;
  const parsed = shape.safeParse(jws.value.claims);
  if (!parsed.success) return failures(parsed.error.issues.map((issue) => finding('claim_invalid', findingPlace(...issue.path), issue.message)));
  const { aud, ...others } = parsed.data;
  const audience = typeof aud === 'string' ? aud : aud?.[0];
  const claims = { ...others, ...(audience !== undefined && { aud: audience }) };
  const findings: Finding[] = [...checkEnds(claims.trust_chain, options)];
  const metadata = parseMetadata(claims.metadata);
  if (!metadata.ok) findings.push(...metadata.findings);
  if (!isEntityId(claims.iss, options) || claims.iss !== options.resolver?.entityId)
    findings.push(finding('issuer_mismatch', 'iss', `it names ${quote(claims.iss)}, not ${quote(options.resolver?.entityId)}`));
  if (claims.sub !== options.subject) findings.push(finding('subject_mismatch', 'sub', `it is about ${quote(claims.sub)}, not ${quote(options.subject)}`));
  if (claims.aud !== undefined && claims.aud !== options.audience) findings.push(finding('audience_wrong', 'aud', `it is for ${quote(claims.aud)}`));
  const late = checkTimes(claims, options.now, CLOCK_SKEW_SECONDS);
  if (late) findings.push(late);
  const keys = parseJwkSet(options.resolver?.jwks, 'resolver/jwks', { strict: false });
  if (!keys.ok) findings.push(...keys.findings);
  if (!keys.ok || findings.length) return failures(findings);
  const key = await verifyJws(jws.value, keys.value);
  return key.ok ? success(claims as unknown as ResolveResponseClaims) : key;
}

/**
 * The chain starts with the subject's Entity Configuration and ends with the selected Trust Anchor (§8.3.2): with its
 * configuration or, as that may be left out of the array (§4), with a statement it issued.
 */
function checkEnds(chain: readonly string[], { subject, trustAnchor }: ResolveResponseOptions): readonly Finding[] {
  const about = (compact: string | undefined) => {
    const jws = parseJws(compact, typOf(ENTITY_STATEMENT));
    return jws.ok ? { iss: jws.value.claims['iss'], sub: jws.value.claims['sub'] } : {};
  };
  const findings: Finding[] = [];
  const first = about(chain[0]);
  if (first.iss !== subject || first.sub !== subject)
    findings.push(finding('chain_malformed', 'trust_chain', `its first statement is not the Entity Configuration of ${quote(subject)}`));
  const last = chain.length > 1 ? about(chain.at(-1)) : first;
  if (last.iss !== trustAnchor) findings.push(finding('chain_malformed', 'trust_chain', `its last statement was not issued by ${quote(trustAnchor)}`));
  return findings;
}
