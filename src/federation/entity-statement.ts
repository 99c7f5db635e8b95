import { base64url } from 'jose';
import { z } from 'zod';
import { isString, isStrings, listOf, markList, recordOf } from './claim-lists.js';
import { type Constraints, parseConstraints } from './constraints.js';
import { type EntityId, type EntityIdOptions, isEntityId } from './entity-id.js';
import { failure, finding, type Finding, quote, type Result, success } from './finding.js';
import { type JwkSet, parseJwkSet } from './jwk-set.js';
import { checkTimes, type JwsHeader, type KeyCache, parseJws, type ParsedJws, verifyJws } from './jws.js';
import { CLOCK_SKEW_SECONDS, MAX_AUTHORITY_HINTS, MAX_CRIT, MAX_FINDINGS, MAX_STATEMENT_BYTES, MAX_TRUST_MARKS } from './limits.js';
import { ENTITY_STATEMENT, typOf } from './media-types.js';
import { type Metadata, parseMetadata } from './metadata.js';
import { parseMetadataPolicy, parsePolicyCrit, parsePolicyShape } from './metadata-policy/policy.js';
import { numericDate, requireNow, timeFaults } from './numeric-date.js';
import { findingPlace } from './places.js';
import { isRegistrationPolicy } from './registration-policy.js';
import { isObject } from './strict-json.js';

/** Claims of an Entity Statement (OpenID Federation 1.0 §3.1). Times are seconds since the epoch. */
export interface EntityStatementClaims {
  readonly iss: EntityId;
  readonly sub: EntityId;
  readonly iat: number;
  readonly exp: number;
  readonly jwks: JwkSet;
  readonly metadata?: Metadata;
  readonly crit?: readonly string[];
  readonly authority_hints?: readonly EntityId[];
  readonly trust_anchor_hints?: readonly EntityId[];
  readonly trust_marks?: readonly { readonly trust_mark_type: string; readonly trust_mark: string }[];
  readonly trust_mark_issuers?: Readonly<Record<string, readonly string[]>>;
  readonly trust_mark_owners?: Readonly<Record<string, { readonly sub: string; readonly jwks: JwkSet }>>;
  readonly metadata_policy?: Readonly<Record<string, unknown>>;
  readonly metadata_policy_crit?: readonly string[];
  readonly constraints?: Constraints;
  readonly source_endpoint?: string;
  readonly [claim: string]: unknown;
}

/** A statement whose claims were checked; whether its signature was verified is in the type. */
export interface EntityStatement extends ParsedJws {
  readonly claims: EntityStatementClaims;
}
declare const verified: unique symbol;
/** Only `verifyEntityStatement` makes one. */
export type Verified<T> = T & { readonly [verified]: true };

export const isEntityConfiguration = (statement: EntityStatement): boolean => isObject(statement?.claims) && statement.claims.iss === statement.claims.sub;

/**
 * Claims that this standard defines for Entity Statements: `crit` never lists them (§13.4). `jti` and `nbf` are none of them:
 * the standard's own example makes `jti` critical.
 */
export const STANDARD_CLAIMS: ReadonlySet<string> = new Set([
  ...['iss', 'sub', 'iat', 'exp', 'aud', 'jwks', 'metadata', 'crit', 'authority_hints', 'trust_anchor_hints', 'trust_marks', 'trust_mark_issuers'],
  ...['trust_mark_owners', 'constraints', 'metadata_policy', 'metadata_policy_crit', 'source_endpoint', 'trust_anchor'],
]);
const CONFIGURATION_ONLY = ['authority_hints', 'trust_anchor_hints', 'trust_marks', 'trust_mark_issuers', 'trust_mark_owners'];
const SUBORDINATE_ONLY = ['metadata_policy', 'metadata_policy_crit', 'constraints', 'source_endpoint'];
/** `aud` and `trust_anchor` belong to Explicit Registration, which has its own validator (§3.2, §12.2). */
const NEVER = ['aud', 'trust_anchor'];

/** Issuers and owners of marks whose identifiers are looked at. */
const MAX_NAMED = 1000;

const someStrings = listOf('a string', isString).refine((list) => list.length > 0, 'it is not empty');
const isOwner = (one: unknown): one is { readonly sub: string; readonly jwks: unknown } => isObject(one) && isString(one['sub']) && isObject(one['jwks']);

const shape = z.looseObject({
  iss: z.string(),
  sub: z.string(),
  iat: numericDate,
  exp: numericDate,
  nbf: numericDate.optional(),
  jwks: z.unknown(),
  metadata: z.unknown().optional(),
  crit: someStrings.optional(),
  authority_hints: someStrings.optional(),
  trust_anchor_hints: someStrings.optional(),
  trust_marks: markList.optional(),
  trust_mark_issuers: recordOf('an array of Entity Identifiers', isStrings).optional(),
  trust_mark_owners: recordOf('an object with "sub" and "jwks"', isOwner).optional(),
  source_endpoint: z.string().optional(),
});

export interface StatementOptions extends EntityIdOptions {
  /** Seconds since the epoch. */
  readonly now: number;
  /** The entity the statement must be about. */
  readonly subject?: string;
  /** Claims beyond the standard that the caller understands and processes (`crit`, §13.4). */
  readonly understoodClaims?: readonly string[];
  /** Refuse keys of types we cannot use: for what we sign ourselves. */
  readonly strictKeys?: boolean;
}

/**
 * Take an Entity Statement apart and check everything but its signature (§3.2): size, `typ`, `alg`, `kid`, claims of
 * its kind, times, `crit`. Every fault is reported. Values of a policy are not compared: that waits for the signatures of the
 * chain (`validateTrustChain`).
 */
export function parseEntityStatement(compact: unknown, options: StatementOptions): Result<EntityStatement> {
  requireNow(options?.now);
  const jws = parseJws(compact, typOf(ENTITY_STATEMENT));
  if (!jws.ok) return jws;
  const findings: Finding[] = [...misplacedHeaders(jws.value.header)];
  const claims = parseStatementClaims(jws.value.claims, options);
  if (!claims.ok) findings.push(...claims.findings);
  return claims.ok && findings.length === 0 ? success({ ...jws.value, claims: claims.value }) : failure(...findings);
}

/** Chains in the header are for other JWTs (§4.3, §4.4): a published statement does not carry them. */
export const misplacedHeaders = (header: JwsHeader): readonly Finding[] =>
  ['trust_chain', 'peer_trust_chain']
    .filter((name) => header[name] !== undefined)
    .map((name) => finding('header_not_allowed', `header/${name}`, 'a published statement does not carry it'));

/** The claims half of `parseEntityStatement`; also run over everything we are about to sign. */
export function parseStatementClaims(value: unknown, options: StatementOptions): Result<EntityStatementClaims> {
  const { strictKeys: strict = false } = options;
  const parsed = shape.safeParse(value);
  if (!parsed.success) {
    return failure(...parsed.error.issues.map((issue) => finding(claimCode(value, issue.path), findingPlace(...issue.path) || 'claims', issue.message)));
  }
  const claims = parsed.data;
  const configuration = claims.iss === claims.sub;
  const findings: Finding[] = [...checkIdentifiers(claims, options), ...checkKind(claims), ...checkCrit(claims, options.understoodClaims ?? [])];
  const take = (result: Result<unknown>) => void (result.ok || findings.push(...result.findings));
  take(parseJwkSet(claims.jwks, 'jwks', { strict }));
  if (claims.metadata !== undefined) take(parseMetadata(claims.metadata));
  // What does not belong into a configuration has been refused above: it is not read.
  if (!configuration) {
    if (claims['constraints'] !== undefined) take(parseConstraints(claims['constraints'], 'constraints', { strict }));
    if (claims['metadata_policy'] !== undefined) take((strict ? parseMetadataPolicy : parsePolicyShape)(claims['metadata_policy']));
    if (claims['metadata_policy_crit'] !== undefined) take(parsePolicyCrit(claims['metadata_policy_crit']));
  }
  if (strict) findings.push(...checkOwnExtras(claims, configuration));
  for (const [n, mark] of (claims.trust_marks ?? []).slice(0, MAX_TRUST_MARKS).entries()) {
    const inner = innerMarkType(mark.trust_mark);
    if (inner !== undefined && inner !== mark.trust_mark_type)
      findings.push(finding('claim_invalid', `trust_marks/${n}`, 'its trust_mark_type differs from the one inside the mark'));
  }
  const late = checkTimes(claims, options.now, CLOCK_SKEW_SECONDS);
  if (late) findings.push(late);
  return findings.length ? failure(...findings.slice(0, MAX_FINDINGS)) : success(claims as unknown as EntityStatementClaims);
}

/** What is no reason to refuse others' statements, and still nothing we sign. */
function checkOwnExtras(claims: Shape, configuration: boolean): readonly Finding[] {
  const findings: Finding[] = [...timeFaults(claims)];
  for (const [name, most] of [
    ['authority_hints', MAX_AUTHORITY_HINTS],
    ['trust_marks', MAX_TRUST_MARKS],
  ] as const) {
    const length = claims[name]?.length ?? 0;
    if (length > most) findings.push(finding('too_many', name, `${length}, more than the ${most} that readers look at`));
  }
  for (const [type, owner] of Object.entries(claims.trust_mark_owners ?? {})) {
    const keys = parseJwkSet(owner.jwks, findingPlace('trust_mark_owners', type, 'jwks'));
    if (!keys.ok) findings.push(...keys.findings);
  }
  const registered = claims['registration_policy'];
  if (registered !== undefined && configuration) findings.push(finding('claim_not_allowed', 'registration_policy', 'it stands in Subordinate Statements only'));
  else if (registered !== undefined && !isRegistrationPolicy(registered))
    findings.push(finding('claim_invalid', 'registration_policy', 'it is a non-empty array of URIs'));
  return findings;
}

function claimCode(value: unknown, path: readonly PropertyKey[]) {
  const [name] = path;
  return isObject(value) && path.length === 1 && value[String(name)] === undefined ? 'claim_missing' : 'claim_invalid';
}

type Shape = z.infer<typeof shape>;

function checkIdentifiers(claims: Shape, options: StatementOptions): readonly Finding[] {
  const findings: Finding[] = [];
  const id = (where: string, value: string) => {
    if (findings.length < MAX_FINDINGS && !isEntityId(value, options))
      findings.push(finding('entity_id_invalid', where, `${quote(value)} is no Entity Identifier`));
  };
  id('iss', claims.iss);
  id('sub', claims.sub);
  for (const name of ['authority_hints', 'trust_anchor_hints'] as const)
    for (const [n, hint] of (claims[name] ?? []).slice(0, MAX_AUTHORITY_HINTS).entries()) id(`${name}/${n}`, hint);
  // Who is named as issuer or owner is compared, never asked: beyond the first ones a text that is no identifier does no harm.
  const named = [
    ...Object.entries(claims.trust_mark_owners ?? {}).map(([type, { sub }]) => [findingPlace('trust_mark_owners', type, 'sub'), sub] as const),
    ...Object.entries(claims.trust_mark_issuers ?? {}).flatMap(([type, issuers]) =>
      issuers.map((issuer) => [findingPlace('trust_mark_issuers', type), issuer] as const),
    ),
  ];
  for (const [where, value] of named.slice(0, MAX_NAMED)) id(where, value);
  if (claims.source_endpoint !== undefined && !isEntityId(claims.source_endpoint.split('?')[0], options))
    findings.push(finding('claim_invalid', 'source_endpoint', 'it is not an https URL'));
  if (options.subject !== undefined && claims.sub !== options.subject)
    findings.push(finding('subject_mismatch', 'sub', `it is about ${quote(claims.sub)}, not ${quote(options.subject)}`));
  return findings;
}

/** Claims that only one kind of statement may have (§3.1.2, §3.1.3), and those of registration (§3.2). */
function checkKind(claims: Shape): readonly Finding[] {
  const configuration = claims.iss === claims.sub;
  const forbidden = [...(configuration ? SUBORDINATE_ONLY : CONFIGURATION_ONLY), ...NEVER];
  const kind = configuration ? 'an Entity Configuration' : 'a Subordinate Statement';
  return forbidden.filter((name) => claims[name] !== undefined).map((name) => finding('claim_not_allowed', name, `${kind} does not have "${name}"`));
}

function checkCrit(claims: Shape, understood: readonly string[]): readonly Finding[] {
  const names = claims.crit ?? [];
  if (names.length > MAX_CRIT) return [finding('too_many', 'crit', `${names.length} names, more than ${MAX_CRIT}`)];
  return names.flatMap((name, n) => {
    if (STANDARD_CLAIMS.has(name)) return [finding('crit_invalid', 'crit', `${quote(name)} is a claim of the standard`)];
    if (names.indexOf(name) !== n) return [finding('crit_invalid', 'crit', `${quote(name)} is listed twice`)];
    if (claims[name] === undefined) return [finding('crit_invalid', 'crit', `${quote(name)} is not among the claims`)];
    return understood.includes(name) ? [] : [finding('crit_not_understood', 'crit', `${quote(name)} is critical and not understood`)];
  });
}

/**
 * The type a mark states about itself. Nothing else of the mark is looked at: whether it counts is judged alone, and a mark that
 * cannot even be read takes nobody down but itself (§3.2, §7.3).
 */
function innerMarkType(mark: string): unknown {
  const payload = mark.length <= MAX_STATEMENT_BYTES ? mark.split('.', 3)[1] : undefined;
  if (payload === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(new TextDecoder().decode(base64url.decode(payload)));
    return isObject(claims) ? claims['trust_mark_type'] : undefined;
  } catch {
    return undefined;
  }
}

/** Verify the signature with the keys that speak for the issuer (§3.2): of an Entity Configuration its own. */
export async function verifyEntityStatement(statement: EntityStatement, jwks: JwkSet, cache?: KeyCache): Promise<Result<Verified<EntityStatement>>> {
  const key = await verifyJws(statement, jwks, cache);
  return key.ok ? success(statement as Verified<EntityStatement>) : key;
}

/** Parse and verify an Entity Configuration that speaks for itself: proof of form, not of trust (§3.2, §10.2). */
export async function validateEntityConfiguration(compact: unknown, options: StatementOptions, cache?: KeyCache): Promise<Result<Verified<EntityStatement>>> {
  const statement = parseEntityStatement(compact, options);
  if (!statement.ok) return statement;
  if (!isEntityConfiguration(statement.value)) return failure(finding('claim_invalid', 'sub', 'an Entity Configuration has the same "iss" and "sub"'));
  if (!statement.value.claims.metadata || Object.keys(statement.value.claims.metadata).length === 0)
    return failure(finding('claim_missing', 'metadata', 'an Entity Configuration declares at least one Entity Type'));
  return verifyEntityStatement(statement.value, statement.value.claims.jwks, cache);
}
