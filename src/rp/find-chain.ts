import {
  type ErrorCode,
  type Finding,
  finding,
  type JwkSet,
  mediaTypes,
  type KeyCache,
  limits,
  type TrustChain,
  validateResolveResponse,
  validateTrustChain,
} from '../federation/entry.js';
import { jsonKey } from '../federation/json-key.js';
import type { Outbound } from '../outbound/outbound.js';
import { refused } from '../resolver/refused.js';
import type { StatementSource } from '../resolver/source.js';
import { walk } from '../resolver/walk.js';
import type { Clock } from './clock.js';
import { linksOf } from './gate/gate.js';
import type { LiveStatements } from './gate/live-statements.js';

/** A resolver (OpenID Federation 1.0 §8.3) that is asked for chains. A cache, not an authority: what it says is verified. */
export interface Resolver {
  readonly entityId: string;
  /** Its `federation_resolve_endpoint`. */
  readonly endpoint: string;
  /** Its Federation Entity Keys; of a pinned Trust Anchor the pinned ones when left out. */
  readonly jwks?: JwkSet;
}

/** What is known of whoever is looked for. */
export interface SearchHints {
  /** A chain that came with the request: it shows a way and saves the subject's configuration, no more. */
  readonly trustChain?: readonly string[] | undefined;
  /** `iat` of the newest of its configurations that was seen: whoever sends an older one would bring back keys it has replaced. */
  readonly newest?: number | undefined;
  /** It was looked for a moment ago, with this end; it is not again, whatever was sent along. */
  readonly missed?: NotFound | undefined;
  /** Told of the end of a search in vain. */
  miss?(answer: NotFound): void;
}

export interface FindOptions extends SearchHints {
  /** The Trust Anchors that may be the end. */
  readonly anchors: Readonly<Record<string, JwkSet>>;
  readonly resolver: Resolver | undefined;
  readonly outbound: Outbound;
  readonly source: StatementSource;
  readonly live: LiveStatements;
  readonly clock: Clock;
  readonly development: boolean;
  readonly keyCache: KeyCache;
}

export interface NotFound {
  readonly ok: false;
  readonly error: ErrorCode;
  /** Nobody could say: try again. */
  readonly unavailable: boolean;
  readonly findings: readonly Finding[];
}
export type Found = { readonly ok: true; readonly chain: TrustChain } | NotFound;

/**
 * A Trust Chain of an entity to one of the anchors: along the chain that came with the request, from the resolver, or by walking
 * upwards where there is none. With a resolver nothing is ever fetched from the entity itself, whatever a stranger calls himself.
 */
export async function findChain(entity: string, options: FindOptions): Promise<Found> {
  const along = options.trustChain && (await alongChain(entity, options.trustChain, options));
  if (along?.ok) return along;
  const found = options.missed ?? (options.resolver ? await fromResolver(entity, options.resolver, options) : await byWalking(entity, options));
  if (!found.ok && !options.missed) options.miss?.(found);
  if (found.ok || !along) return found;
  // What is wrong with the chain that was sent is said, unless it could not be found out.
  return along.unavailable || (found.unavailable && !found.findings.length) ? found : { ...along, unavailable: found.unavailable };
}

/** Every statement of a supplied chain is verified as if it had been fetched (AR-11), then each issuer is asked what it states now. */
async function alongChain(entity: string, supplied: readonly string[], options: FindOptions): Promise<Found> {
  const validate = (chain: readonly string[]) => validateTrustChain(chain, { ...chainOptions(options), subject: entity });
  const given = await validate(supplied);
  if (!given.ok) return notFound(errorOf(given.findings), given.findings);
  if ((given.value.statements[0]?.claims.iat ?? 0) < (options.newest ?? 0))
    return notFound('invalid_trust_chain', [finding('configuration_replayed', entity, 'its own configuration in the chain is older than one seen already')]);
  const links = linksOf(given.value, options.anchors);
  const today = await Promise.all(links.map(({ superior, statement }) => options.live(superior, statement.claims.sub, 1)));
  const compacts = given.value.statements.map(({ compact }) => compact);
  for (const [n, known] of today.entries()) {
    if (known.state !== 'known')
      return { ...notFound(known.state === 'denied' ? 'invalid_client' : 'invalid_trust_chain', known.findings), unavailable: known.state !== 'denied' };
    compacts[links[n]?.place ?? 0] = known.value.compact;
  }
  const chain = await validate(compacts);
  return chain.ok ? { ok: true, chain: chain.value } : notFound(errorOf(chain.findings), chain.findings);
}

async function fromResolver(entity: string, resolver: Resolver, options: FindOptions): Promise<Found> {
  let last: NotFound = notFound('invalid_trust_anchor', [finding('trust_anchor_unknown', entity, 'no Trust Anchor is configured')]);
  for (const anchor of Object.keys(options.anchors)) {
    const found = await resolved(entity, anchor, resolver, options);
    if (found.ok) return found;
    if (!last.unavailable) last = found;
  }
  return last;
}

async function resolved(entity: string, anchor: string, { endpoint, entityId, jwks }: Resolver, options: FindOptions): Promise<Found> {
  const { anchors, clock, development } = options;
  const query = new URLSearchParams({ sub: entity, trust_anchor: anchor });
  const reply = await options.outbound.get({
    url: `${endpoint}${endpoint.includes('?') ? '&' : '?'}${query}`,
    mediaType: mediaTypes.RESOLVE_RESPONSE,
    maxBytes: limits.MAX_CHAIN_BYTES,
  });
  if (!reply.ok) return { ...notFound('invalid_trust_chain', reply.findings), unavailable: reply.findings.some(({ transient }) => transient) };
  const keys = jwks ?? anchors[entityId] ?? { keys: [] };
  const now = clock.now();
  const said = await validateResolveResponse(reply.value.body.trim(), {
    now,
    development,
    resolver: { entityId, jwks: keys },
    subject: entity,
    trustAnchor: anchor,
  });
  if (!said.ok) return notFound('invalid_trust_chain', said.findings);
  const pinned = anchors[anchor];
  const chain = await validateTrustChain(said.value.trust_chain, { ...chainOptions(options), subject: entity, anchors: pinned ? { [anchor]: pinned } : {} });
  if (!chain.ok) return notFound(errorOf(chain.findings), chain.findings);
  if (jsonKey(chain.value.metadata) !== jsonKey(said.value.metadata))
    return notFound('invalid_metadata', [finding('policy_violation', entityId, 'the metadata the resolver gives is not what its chain gives')]);
  return { ok: true, chain: chain.value };
}

async function byWalking(entity: string, options: FindOptions): Promise<Found> {
  const { anchors, source, clock, development, keyCache } = options;
  const walked = await walk(entity, { anchors, source, now: clock.now(), development, keyCache });
  const chain = walked.chains[0];
  if (chain) return { ok: true, chain };
  const verdicts = Object.keys(anchors).map((anchor) => refused(entity, anchor, walked));
  const open = verdicts.find(({ state }) => state === 'unreachable');
  const verdict = open ?? verdicts[0];
  if (!verdict) return notFound('invalid_trust_anchor', [finding('trust_anchor_unknown', entity, 'no Trust Anchor is configured')]);
  return verdict.state === 'unreachable'
    ? { ...notFound('invalid_trust_chain', verdict.findings), unavailable: true }
    : notFound(verdict.error === 'invalid_metadata' ? 'invalid_metadata' : 'invalid_trust_chain', verdict.findings);
}

const chainOptions = ({ anchors, clock, development, keyCache }: FindOptions) => ({ anchors, now: clock.now(), development, keyCache });

const notFound = (error: ErrorCode, findings: readonly Finding[]): NotFound => ({ ok: false, error, unavailable: false, findings: findings.slice(0, 20) });

const ABOUT_METADATA = /^(policy_|metadata_|constraint_malformed)/;

/** The error code of OpenID Federation 1.0 §8.9 that says what is wrong with a chain. */
export function errorOf(findings: readonly Finding[]): ErrorCode {
  if (findings.some(({ code }) => code === 'trust_anchor_unknown')) return 'invalid_trust_anchor';
  return findings.length > 0 && findings.every(({ code }) => ABOUT_METADATA.test(code)) ? 'invalid_metadata' : 'invalid_trust_chain';
}
