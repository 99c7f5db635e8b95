import {
  createKeyCache,
  type EntityStatement,
  type Finding,
  isEntityConfiguration,
  type JwkSet,
  type KeyCache,
  limits,
  parseEntityStatement,
  refuse,
  rememberingSignatures,
  type Result,
  type TrustChain,
  validateEntityConfiguration,
  validateTrustChain,
} from '../federation/entry.js';
import type { StatementSource } from './source.js';

/** Budgets of one walk: a stranger decides how wide and deep the graph above an entity is (OpenID Federation 1.0 §18.1). */
export const MAX_ENTITIES_PER_WALK = 100;
export const MAX_FETCHES_PER_WALK = 200;

export interface WalkOptions {
  readonly source: StatementSource;
  readonly anchors: Readonly<Record<string, JwkSet>>;
  readonly now: number;
  readonly development?: boolean;
  readonly understoodClaims?: readonly string[];
  readonly keyCache?: KeyCache;
}

/** One thing the walk did, in order; `findings` says what went wrong there. */
export interface WalkStep {
  readonly what: 'configuration' | 'statement' | 'chain';
  /** The entity, or issuer and subject of a statement, or the identifiers of a chain. */
  readonly of: readonly string[];
  readonly findings: readonly Finding[];
}

export interface Walk {
  /** Every valid chain, the best first: fewest statements, then the longest life (§10.3 leaves the choice to us). */
  readonly chains: readonly TrustChain[];
  readonly steps: readonly WalkStep[];
  /** The subject's own Entity Configuration, when it is sound in itself. */
  readonly configuration: EntityStatement | undefined;
}

type Path = readonly string[];
interface Candidate {
  readonly entities: Path;
  readonly chain: readonly string[];
}

/**
 * Collect statements from the subject upwards along `authority_hints` until configured Trust Anchors, and validate
 * every chain found (§10.1). Nothing is fetched twice; a hint that closes a loop is not followed.
 */
export async function walk(subject: string, given: WalkOptions): Promise<Walk> {
  // A statement is met twice: when it is fetched, and in every chain it is part of.
  const options = { ...given, keyCache: given.keyCache?.signatures ? given.keyCache : rememberingSignatures(given.keyCache ?? createKeyCache(64)) };
  const steps: WalkStep[] = [];
  const gather = createGatherer(options, steps);
  const candidates: Candidate[] = [];

  async function climb(entities: Path, statements: Path): Promise<void> {
    const id = entities.at(-1) as string;
    const configuration = await gather.configuration(id);
    if (!configuration.ok) return;
    const chain = [...(entities.length === 1 ? [configuration.value.compact] : statements)];
    if (Object.hasOwn(options.anchors, id)) candidates.push({ entities, chain: entities.length === 1 ? chain : [...chain, configuration.value.compact] });
    if (entities.length > limits.MAX_CHAIN_DEPTH) return;
    const hints = (configuration.value.claims.authority_hints ?? []).slice(0, limits.MAX_AUTHORITY_HINTS).filter((hint) => !entities.includes(hint));
    // All superiors are asked at once (the door bounds how many that is); what comes of it is taken in the order of the hints.
    const asked = [...new Set(hints)].map((hint) => [hint, gather.statement(hint, id)] as const);
    for (const [hint, answer] of asked) {
      const statement = await answer;
      if (statement.ok) await climb([...entities, hint], [...chain, statement.value.compact]);
    }
  }

  await climb([subject], []);
  const chains: TrustChain[] = [];
  for (const { entities, chain } of candidates) {
    const result = await validateTrustChain(chain, { ...options, subject });
    steps.push({ what: 'chain', of: entities, findings: result.ok ? [] : result.findings });
    if (result.ok) chains.push(result.value);
  }
  const own = await gather.configuration(subject);
  return { chains: chains.sort(byChoice), steps, configuration: own.ok ? own.value : undefined };
}

/**
 * Which of several valid chains is used (§10.3 leaves it to us): the fewest statements, then the longest life, then the
 * superiors' identifiers in byte order, so that the same graph always gives the same answer.
 */
function byChoice(a: TrustChain, b: TrustChain): number {
  const issuers = ({ statements }: TrustChain) => statements.map(({ claims }) => claims.iss).join(' ');
  return a.statements.length - b.statements.length || b.exp - a.exp || (issuers(a) < issuers(b) ? -1 : 1);
}

/** Fetch each thing once, within the budgets; check it as far as it stands alone. */
function createGatherer(options: WalkOptions, steps: WalkStep[]) {
  const known = new Map<string, Promise<Result<EntityStatement>>>();
  let entities = 0;
  let fetches = 0;
  const exhausted = () => refuse('budget_exceeded', 'walk', `more than ${MAX_ENTITIES_PER_WALK} entities or ${MAX_FETCHES_PER_WALK} fetches`);

  function once(what: 'configuration' | 'statement', of: Path, load: () => Promise<Result<EntityStatement>>): Promise<Result<EntityStatement>> {
    const key = `${what} ${of.join(' ')}`;
    let result = known.get(key);
    if (!result) {
      const spent = ++fetches > MAX_FETCHES_PER_WALK || (what === 'configuration' && ++entities > MAX_ENTITIES_PER_WALK);
      result = (spent ? Promise.resolve(exhausted()) : load()).then((done) => {
        steps.push({ what, of, findings: done.ok ? [] : done.findings });
        return done;
      });
      known.set(key, result);
    }
    return result;
  }

  const configuration = (id: string) =>
    once('configuration', [id], async () => {
      const fetched = await options.source.configuration(id);
      return fetched.ok ? validateEntityConfiguration(fetched.value, { ...options, subject: id }, options.keyCache) : fetched;
    });

  return {
    configuration,
    statement: (superior: string, subject: string) =>
      once('statement', [superior, subject], async () => {
        const above = await configuration(superior);
        if (!above.ok) return above;
        const fetchEndpoint = above.value.claims.metadata?.['federation_entity']?.['federation_fetch_endpoint'];
        if (typeof fetchEndpoint !== 'string') return refuse('endpoint_missing', superior, 'its configuration has no federation_fetch_endpoint');
        const fetched = await options.source.statement({ entityId: superior, fetchEndpoint }, subject);
        if (!fetched.ok) return fetched;
        const parsed = parseEntityStatement(fetched.value, { ...options, subject });
        if (parsed.ok && (isEntityConfiguration(parsed.value) || parsed.value.claims.iss !== superior))
          return refuse('issuer_mismatch', superior, 'it answered with a statement that is not its own about this subject');
        return parsed;
      }),
  };
}
