import { type EntityIdOptions, isEntityId } from './entity-id.js';
import { failure, finding, type Finding, quote, type Result, success } from './finding.js';
import { type Signer, signJws } from './jws.js';
import { MAX_STATEMENT_BYTES } from './limits.js';
import { TRUST_MARK, TRUST_MARK_DELEGATION, TRUST_MARK_STATUS_RESPONSE, typOf } from './media-types.js';
import { requireWhole, timeFaults } from './numeric-date.js';
import type { TrustMarkClaims } from './trust-mark.js';
import { readUrl } from './read-url.js';

export interface TrustMarkIssueOptions extends EntityIdOptions {
  readonly signer: Signer;
}

/** Claims of a Trust Mark before signing (OpenID Federation 1.0 §7.1); times in seconds since the epoch. */
export type TrustMarkInput = TrustMarkClaims & { readonly jti?: string; readonly logo_uri?: string; readonly ref?: string };

/** A type identifier must not collide across federations: a URL of whoever defines it (§7.1). */
export const isTrustMarkType = (type: unknown): boolean =>
  typeof type === 'string' && type.length <= 2048 && /^https?:\/\//.test(type) && readUrl(type) !== undefined;

function faults(claims: TrustMarkClaims, options: EntityIdOptions): Finding[] {
  const findings: Finding[] = [];
  for (const name of ['iss', 'sub'] as const)
    if (!isEntityId(claims[name], options)) findings.push(finding('entity_id_invalid', name, `${quote(claims[name])} is no Entity Identifier`));
  if (!isTrustMarkType(claims.trust_mark_type))
    findings.push({ ...finding('claim_invalid', 'trust_mark_type', `${quote(claims.trust_mark_type)} is no URL`), fix: 'Name a trust mark type by a URL.' });
  const times = timeFaults(claims);
  findings.push(...times);
  if (times.length === 0 && claims.exp !== undefined && claims.exp <= claims.iat) findings.push(finding('claim_invalid', 'exp', 'it ends before it begins'));
  for (const name of ['logo_uri', 'ref']) {
    const url = claims[name];
    if (url !== undefined && !(typeof url === 'string' && /^https?:\/\//.test(url) && readUrl(url)))
      findings.push(finding('claim_invalid', name, `${quote(url)} is no http(s) URL`));
  }
  return findings;
}

async function issue(mediaType: string, claims: TrustMarkClaims, { signer, ...options }: TrustMarkIssueOptions): Promise<Result<string>> {
  const findings = faults(claims, options);
  if (findings.length) return failure(...findings);
  const compact = await signJws(typOf(mediaType), claims, signer);
  return compact.length > MAX_STATEMENT_BYTES
    ? failure(finding('too_large', 'trust mark', `${compact.length} bytes, more than ${MAX_STATEMENT_BYTES}`))
    : success(compact);
}

/**
 * Sign a Trust Mark with a Federation Entity Key of the issuer (§7.1).
 * Findings: entity_id_invalid, claim_invalid, too_large.
 */
export const signTrustMark = (claims: TrustMarkInput, options: TrustMarkIssueOptions): Promise<Result<string>> => issue(TRUST_MARK, claims, options);

/** Sign a delegation: the owner (`iss`) lets the issuer (`sub`) issue marks of one type (§7.2.1). Findings as `signTrustMark`. */
export const signTrustMarkDelegation = (claims: TrustMarkInput, options: TrustMarkIssueOptions): Promise<Result<string>> =>
  issue(TRUST_MARK_DELEGATION, claims, options);

/** `status` values of §8.4.2; case-sensitive. `invalid` is understood from others and never used by us. */
export const TRUST_MARK_STATUSES = ['active', 'expired', 'revoked', 'invalid'] as const;
export type TrustMarkStatus = (typeof TRUST_MARK_STATUSES)[number];

/** Claims of a status answer (§8.4.2); `trust_mark` is the very mark asked about. */
export interface TrustMarkStatusClaims {
  readonly iss: string;
  readonly iat: number;
  readonly exp?: number;
  readonly trust_mark: string;
  readonly status: string;
}

/** Sign a status answer (§8.4.2). @throws TypeError when `iat` or `exp` is not a whole number of seconds */
export async function signTrustMarkStatus(claims: TrustMarkStatusClaims, signer: Signer): Promise<string> {
  requireWhole({ iat: claims?.iat, ...(claims?.exp !== undefined && { exp: claims.exp }) });
  return signJws(typOf(TRUST_MARK_STATUS_RESPONSE), claims, signer);
}
