import { z } from 'zod';
import { type EntityIdOptions, isEntityId } from './entity-id.js';
import { failure, finding, type Finding, quote, refuse, type Result, success, within } from './finding.js';
import { type JwkSet, parseJwkSet } from './jwk-set.js';
import { checkTimes, parseJws, type ParsedJws, verifyJws } from './jws.js';
import { CLOCK_SKEW_SECONDS } from './limits.js';
import { numericDate, requireNow } from './numeric-date.js';

/** A Trust Mark that holds (OpenID Federation 1.0 §7.3). */
export interface TrustMark {
  readonly compact: string;
  readonly claims: TrustMarkClaims;
}
export interface TrustMarkClaims {
  readonly iss: string;
  readonly sub: string;
  readonly trust_mark_type: string;
  readonly iat: number;
  readonly exp?: number;
  readonly delegation?: string;
  readonly [claim: string]: unknown;
}

export interface TrustMarkOptions extends EntityIdOptions {
  readonly now: number;
  /** The entity whose configuration carries the mark. */
  readonly subject: string;
  /**
   * The issuer's Federation Entity Keys, taken from a Trust Chain that the caller validated: trust in the issuer is
   * established before the mark is looked at (§7.3).
   */
  readonly issuer: { readonly entityId: string; readonly jwks: JwkSet };
  /** From the Trust Anchor's configuration; of any other entity these claims are ignored (§3.1.2). */
  readonly anchor: {
    readonly trust_mark_issuers?: Readonly<Record<string, readonly string[]>>;
    readonly trust_mark_owners?: Readonly<Record<string, { readonly sub: string; readonly jwks: JwkSet }>>;
  };
  /** Use marks of types that the Trust Anchor does not list (§17.5): a local choice, off by default. */
  readonly acceptUnlisted?: boolean;
  /** Further `typ` values of a trust framework (§7). */
  readonly types?: readonly string[];
}

const time = numericDate;
const shape = z.looseObject({
  iss: z.string(),
  sub: z.string(),
  trust_mark_type: z.string().min(1),
  iat: time,
  exp: time.optional(),
  delegation: z.string().optional(),
});
const issues = (error: z.ZodError) => failure(...error.issues.map((issue) => finding('claim_invalid', issue.path.join('/'), issue.message)));

/** A mark in which everything holds that needs no key of its issuer. Its signature is NOT verified. */
export interface ParsedTrustMark {
  readonly jws: ParsedJws;
  readonly claims: TrustMarkClaims;
  /** `exp` of the delegation, seconds since the epoch: the mark does not hold beyond it. */
  readonly delegationExp: number | undefined;
}

/**
 * Everything about a Trust Mark but its issuer's signature (§7.3): form, subject, times, whether the Trust Anchor lists the
 * type and accepts the issuer, and the owner's delegation, whose keys the Trust Anchor states. What fails here needs no
 * question to anybody.
 */
export async function parseTrustMark(compact: unknown, options: Omit<TrustMarkOptions, 'issuer'>): Promise<Result<ParsedTrustMark>> {
  requireNow(options?.now);
  const jws = parseJws(compact, ['trust-mark+jwt', ...(options.types ?? [])]);
  if (!jws.ok) return jws;
  const parsed = shape.safeParse(jws.value.claims);
  if (!parsed.success) return issues(parsed.error);
  const mark = parsed.data;
  const findings = [...checkMark(mark, options)];
  if (findings.length) return failure(...findings);
  const delegated = await checkDelegation(mark, options);
  if (!delegated.ok) return failure(...within('delegation', delegated.findings));
  return success({ jws: jws.value, claims: mark as TrustMarkClaims, delegationExp: delegated.value?.exp });
}

/** Validate a Trust Mark (§7.3), its delegation included. Whether it was withdrawn is the status endpoint's to say. */
export async function validateTrustMark(compact: unknown, options: TrustMarkOptions): Promise<Result<TrustMark>> {
  const parsed = await parseTrustMark(compact, options);
  if (!parsed.ok) return parsed;
  const { jws, claims } = parsed.value;
  if (claims.iss !== options.issuer.entityId) return refuse('issuer_mismatch', 'iss', `it names ${quote(claims.iss)}, not ${quote(options.issuer.entityId)}`);
  const key = await verifyJws(jws, options.issuer.jwks);
  return key.ok ? success({ compact: jws.compact, claims }) : key;
}

function checkMark(mark: z.infer<typeof shape>, options: Omit<TrustMarkOptions, 'issuer'>): readonly Finding[] {
  const findings: Finding[] = [];
  if (!isEntityId(mark.iss, options)) findings.push(finding('entity_id_invalid', 'iss', `${quote(mark.iss)} is no Entity Identifier`));
  if (mark.sub !== options.subject) findings.push(finding('trust_mark_subject', 'sub', `it was issued to ${quote(mark.sub)}`));
  const late = checkTimes(mark, options.now, CLOCK_SKEW_SECONDS);
  if (late) findings.push(late);
  const issuers = options.anchor.trust_mark_issuers ?? {};
  const accepted = Object.hasOwn(issuers, mark.trust_mark_type) ? issuers[mark.trust_mark_type] : undefined;
  if (accepted && accepted.length > 0 && !accepted.includes(mark.iss))
    findings.push(finding('trust_mark_issuer', 'iss', `${quote(mark.iss)} may not issue ${quote(mark.trust_mark_type)}`));
  if (!accepted && !ownerOf(mark.trust_mark_type, options) && !options.acceptUnlisted)
    findings.push(finding('trust_mark_not_recognized', 'trust_mark_type', `${quote(mark.trust_mark_type)} is not listed`));
  if (ownerOf(mark.trust_mark_type, options) && mark.delegation === undefined)
    findings.push(finding('delegation_missing', 'delegation', `the type ${quote(mark.trust_mark_type)} has an owner`));
  return findings;
}

function ownerOf(type: string, { anchor: { trust_mark_owners: owners = {} } }: Pick<TrustMarkOptions, 'anchor'>) {
  return Object.hasOwn(owners, type) ? owners[type] : undefined;
}

/**
 * The owner's delegation (§7.2.2): keys come from `trust_mark_owners` of the Trust Anchor, never from the owner's own
 * configuration. A delegation that is present is always validated; without a listed owner there is no key for it.
 */
async function checkDelegation(mark: z.infer<typeof shape>, options: Omit<TrustMarkOptions, 'issuer'>): Promise<Result<TrustMarkClaims | undefined>> {
  if (mark.delegation === undefined) return success(undefined);
  const owner = ownerOf(mark.trust_mark_type, options);
  if (!owner) return refuse('delegation_invalid', 'iss', 'the Trust Anchor names no owner of this type, so no key can verify the delegation');
  const jwks = parseJwkSet(owner.jwks, 'trust_mark_owners', { strict: false });
  if (!jwks.ok) return jwks;
  const delegation = parseTrustMarkDelegation(mark.delegation, { now: options.now, issuer: mark.iss, type: mark.trust_mark_type });
  if (!delegation.ok) return delegation;
  const { jws, claims } = delegation.value;
  if (claims.iss !== owner.sub) return refuse('delegation_invalid', 'iss', `it comes from ${quote(claims.iss)}, the owner is ${quote(owner.sub)}`);
  const key = await verifyJws(jws, jwks.value);
  return key.ok ? success(claims) : key;
}

export interface DelegationOptions {
  readonly now: number;
  /** Whom the owner must have delegated to. */
  readonly issuer: string;
  readonly type: string;
}

/**
 * A delegation without its signature (§7.2.2): media type, claims, delegate, type and times. Whether the owner signed it is
 * for the keys in `trust_mark_owners` of a Trust Anchor to say.
 */
export function parseTrustMarkDelegation(compact: unknown, options: DelegationOptions): Result<{ readonly jws: ParsedJws; readonly claims: TrustMarkClaims }> {
  requireNow(options?.now);
  const { now, issuer, type } = options;
  const jws = parseJws(compact, 'trust-mark-delegation+jwt');
  if (!jws.ok) return jws;
  const parsed = shape.safeParse(jws.value.claims);
  if (!parsed.success) return issues(parsed.error);
  const claims = parsed.data;
  if (claims.sub !== issuer) return refuse('delegation_invalid', 'sub', `it delegates to ${quote(claims.sub)}, the mark's issuer is ${quote(issuer)}`);
  if (claims.trust_mark_type !== type) return refuse('delegation_invalid', 'trust_mark_type', `it is for ${quote(claims.trust_mark_type)}`);
  const late = checkTimes(claims, now, CLOCK_SKEW_SECONDS);
  return late ? failure(late) : success({ jws: jws.value, claims: claims as TrustMarkClaims });
}
