import type { EntityIdOptions } from './entity-id.js';
import {
  type EntityStatement,
  type EntityStatementClaims,
  isEntityConfiguration,
  parseEntityStatement,
  type Verified,
  verifyEntityStatement,
} from './entity-statement.js';
import { finding, type Finding, quote, refuse, type Result, success, within } from './finding.js';
import { algorithmsOf, type JwkSet, keyFault, parseJwkSet, sameKey } from './jwk-set.js';
import { createKeyCache, type KeyCache } from './jws.js';
import { MAX_CHAIN_BYTES, MAX_CHAIN_DEPTH, MAX_FINDINGS } from './limits.js';
import type { Metadata } from './metadata.js';
import { requireNow } from './numeric-date.js';
import { failures } from './places.js';
import { resolveMetadata } from './resolve-metadata.js';
import { isObject } from './strict-json.js';

export interface TrustChainOptions extends EntityIdOptions {
  /** Trust Anchors by Entity Identifier, with the keys obtained out of band (OpenID Federation 1.0 §10). */
  readonly anchors: Readonly<Record<string, JwkSet>>;
  /** Seconds since the epoch. */
  readonly now: number;
  /** The entity the chain must be about; else whatever its first statement is about. */
  readonly subject?: string;
  readonly understoodClaims?: readonly string[];
  /** Reuse imported keys between calls. */
  readonly keyCache?: KeyCache;
}

/** A chain that holds: leaf first, every signature verified, constraints and policies enforced. */
export interface TrustChain {
  readonly subject: string;
  readonly trustAnchor: string;
  readonly statements: readonly Verified<EntityStatement>[];
  /** The Resolved Metadata (§6.1.4.2). */
  readonly metadata: Metadata;
  /** The smallest `exp` of the statements, seconds since the epoch (§10.4). */
  readonly exp: number;
  /** Who may issue and who owns Trust Marks, from the Trust Anchor's configuration and no other (§3.1.2). */
  readonly anchor: Pick<EntityStatementClaims, 'trust_mark_issuers' | 'trust_mark_owners'>;
}

/**
 * Validate a Trust Chain (§10.2): the subject's Entity Configuration, Subordinate Statements going up, and, if present,
 * the Trust Anchor's Entity Configuration. Statements are read from the top: each one's signature is begun when its own
 * checks and its link to the one above hold, and runs beside the reading of the next; below a fault none is begun.
 * Constraints, metadata and policies are worked out only once every signature holds: a stranger without a key gets no work done.
 * @param chain compact JWTs, the subject's first
 * @returns the chain, or every finding with its place (`ES[1] exp`), at most `MAX_FINDINGS`
 * @throws TypeError without a finite `now`
 */
export async function validateTrustChain(chain: readonly string[], options: TrustChainOptions): Promise<Result<TrustChain>> {
  requireNow(options?.now);
  // Even without a cache between calls, a key that signed two statements is imported once.
  const keyCache = options.keyCache ?? createKeyCache(MAX_CHAIN_DEPTH + 2);
  const begun: Promise<Result<Verified<EntityStatement>>>[] = [];
  const statements = parseChain(chain, options, (n, statement, above) => {
    const sets = keySets(statement, above, options.anchors);
    if (sets) begun[n] = verifyWithAll(statement, sets, keyCache);
    return sets !== undefined;
  });
  if (!statements.ok) return statements;
  const claims = statements.value.map((statement) => statement.claims);
  const links = checkLinks(claims, options);
  if (links.length) return failures(links);
  // A statement whose signature was never begun did not follow from the one above: no signature, no trust.
  const signatures = await Promise.all(claims.map((_, n) => begun[n] ?? refuse('chain_broken', '', 'it was not verified')));
  const unverified = signatures.flatMap((result, n) => (result.ok ? [] : within(`ES[${n}]`, result.findings)));
  if (unverified.length) return failures(unverified);
  const metadata = resolveMetadata(claims, options);
  if (!metadata.ok) return metadata;
  return success({
    subject: claims[0]?.sub ?? '',
    trustAnchor: claims.at(-1)?.iss ?? '',
    statements: signatures.flatMap((result) => (result.ok ? [result.value] : [])),
    metadata: metadata.value,
    exp: Math.min(...claims.map(({ exp }) => exp)),
    anchor: anchorMarks(claims.at(-1)),
  });
}

function anchorMarks(last: EntityStatementClaims | undefined): TrustChain['anchor'] {
  if (!last || last.iss !== last.sub) return {};
  const { trust_mark_issuers: issuers, trust_mark_owners: owners } = last;
  return { ...(issuers && { trust_mark_issuers: issuers }), ...(owners && { trust_mark_owners: owners }) };
}

/** @param begin told of each statement that holds by itself, from the top; false: it does not fit, nothing below is begun */
function parseChain(
  chain: readonly string[],
  options: TrustChainOptions,
  begin: (n: number, statement: EntityStatement, above: EntityStatement | undefined) => boolean = () => true,
): Result<readonly EntityStatement[]> {
  if (!Array.isArray(chain) || chain.length === 0) return refuse('chain_malformed', 'chain', 'a chain is a non-empty array of compact JWTs');
  if (chain.length > MAX_CHAIN_DEPTH + 2) return refuse('too_many', 'chain', `${chain.length} statements, more than ${MAX_CHAIN_DEPTH + 2}`);
  const bytes = chain.reduce((sum, one) => sum + (typeof one === 'string' ? one.length : 0), 0);
  if (bytes > MAX_CHAIN_BYTES) return refuse('too_large', 'chain', `${bytes} bytes, more than ${MAX_CHAIN_BYTES}`);
  const { subject: _, ...others } = options;
  const results: Result<EntityStatement>[] = [];
  let holds = true;
  for (let n = chain.length - 1; n >= 0; n--) {
    const parsed = parseEntityStatement(chain[n], n === 0 ? options : others);
    results[n] = parsed;
    const above = results[n + 1];
    if (holds) holds = parsed.ok && begin(n, parsed.value, above?.ok ? above.value : undefined);
  }
  const findings = results.flatMap((result, n) => (result.ok ? [] : within(`ES[${n}]`, result.findings)));
  return findings.length ? failures(findings) : success(results.flatMap((result) => (result.ok ? [result.value] : [])));
}

/** Order, kinds, loops, hints and anchor (§4, §10.2). */
function checkLinks(claims: readonly EntityStatementClaims[], options: TrustChainOptions): readonly Finding[] {
  const findings: Finding[] = [];
  const last = claims.length - 1;
  const subject = claims[0];
  for (const [n, { iss, sub }] of claims.entries()) {
    const place = `ES[${n}]`;
    const above = claims[n + 1];
    if (n === 0 && iss !== sub) findings.push(finding('chain_malformed', place, "the first statement is the subject's Entity Configuration"));
    if (n === 0 && above && above.iss === above.sub)
      findings.push(finding('chain_malformed', 'ES[1]', 'nothing states the subject: of the Trust Anchor itself the chain is one statement'));
    if (n > 0 && n < last && iss === sub) findings.push(finding('chain_malformed', place, 'Entity Configurations of Intermediates are not part of a chain'));
    if (above && iss !== above.sub)
      findings.push(finding('chain_broken', place, `it was issued by ${quote(iss)}, the next statement is about ${quote(above.sub)}`));
  }
  const entities = claims.filter(({ iss, sub }, n) => n === 0 || iss !== sub).map(({ iss, sub }, n) => (n === 0 ? sub : iss));
  if (new Set(entities).size !== entities.length) findings.push(finding('chain_loop', 'chain', 'an entity occurs twice'));
  const superior = claims[1];
  if (subject && superior && superior.iss !== superior.sub && !subject.authority_hints?.includes(superior.iss)) {
    findings.push(finding('authority_hint_missing', 'ES[0] authority_hints', `${quote(superior.iss)} is not among them`));
  }
  const anchor = claims[last]?.iss ?? '';
  const keys = pinnedKeys(options.anchors, anchor);
  if (!keys) findings.push(finding('trust_anchor_unknown', `ES[${last}] iss`, `${quote(anchor)} is not a configured Trust Anchor`));
  else if (!keys.ok) findings.push(...keys.findings);
  return findings;
}

/**
 * The `trust_chain` and `peer_trust_chain` headers of a JWT that may carry them (§4.3, §4.4; published Entity Statements
 * may not): each is an array of compact JWTs whose first is the Entity Configuration of the right entity, ending at a
 * configured Trust Anchor, both at the same one. The chains themselves are then validated as if they had been fetched.
 * @throws TypeError without a finite `now`
 * @param about the entities the two chains are about
 */
export function checkTrustChainHeaders(
  header: Readonly<Record<string, unknown>>,
  about: { readonly trust_chain: string; readonly peer_trust_chain?: string },
  options: Omit<TrustChainOptions, 'subject'>,
): readonly Finding[] {
  requireNow(options?.now);
  if (!isObject(header)) return [finding('chain_malformed', 'header', 'it is an object')];
  const anchors = new Set<string>();
  const findings: Finding[] = [];
  for (const name of ['trust_chain', 'peer_trust_chain'] as const) {
    const chain = header[name];
    if (chain === undefined) continue;
    if (!Array.isArray(chain)) {
      findings.push(finding('chain_malformed', `header/${name}`, 'it is an array of compact JWTs'));
      continue;
    }
    const subject = about?.[name];
    const statements = parseChain(chain as readonly string[], { ...options, ...(subject !== undefined && { subject }) });
    const claims = statements.ok ? statements.value.map((one) => one.claims) : [];
    findings.push(...within(`header/${name}`, statements.ok ? checkLinks(claims, options) : statements.findings));
    const last = claims.at(-1);
    if (last) anchors.add(last.iss);
  }
  if (anchors.size > 1) findings.push(finding('chain_malformed', 'header/peer_trust_chain', 'the two chains end at different Trust Anchors'));
  return findings.slice(0, MAX_FINDINGS);
}

/** A Trust Anchor's configured keys: they come from a file or a form, so they are checked like a stranger's. */
const pinnedKeys = (anchors: TrustChainOptions['anchors'], id: string): Result<JwkSet> | undefined =>
  isObject(anchors) && Object.hasOwn(anchors, id) ? parseJwkSet(anchors[id], `anchors/${id}`, { strict: false }) : undefined;

/**
 * Every key set that must vouch for a statement: the one in the statement above it; of a Trust Anchor's statements the
 * pinned keys, because a self-consistent configuration proves nothing; of a configuration its own (§10.2). Undefined when
 * the statement does not follow from the one above, or the topmost is of no configured Trust Anchor.
 */
function keySets(statement: EntityStatement, above: EntityStatement | undefined, anchors: TrustChainOptions['anchors']): readonly JwkSet[] | undefined {
  const { iss, jwks } = statement.claims;
  const keys = !above || isEntityConfiguration(above) ? pinnedKeys(anchors, iss) : undefined;
  if (keys?.ok === false || (above ? above.claims.sub !== iss : !keys)) return undefined;
  const pinned = keys?.value;
  return [...(pinned ? [pinned] : []), ...(above ? [above.claims.jwks] : []), ...(isEntityConfiguration(statement) ? [jwks] : [])];
}

/**
 * Same `kid` and same key material give the same outcome, so a second set costs a second verification only when it differs: in
 * the key, or in what it lets the key be used for.
 */
async function verifyWithAll(statement: EntityStatement, sets: readonly JwkSet[], cache?: KeyCache): Promise<Result<Verified<EntityStatement>>> {
  const [first, ...others] = sets;
  const find = (set: JwkSet | undefined) => set?.keys.find(({ kid }) => kid === statement.header.kid);
  const key = find(first);
  const different = others.filter((set) => {
    const other = find(set);
    return !(key && other && sameKey(key, other) && !keyFault(other, '') && algorithmsOf(other).includes(statement.header.alg));
  });
  const results = await Promise.all([first as JwkSet, ...different].map((set) => verifyEntityStatement(statement, set, cache)));
  return results.find((result) => !result.ok) ?? success(statement as Verified<EntityStatement>);
}
