import { type EntityStatement, type JwkSet, limits, parseJws, type Result, validateTrustChain } from '../federation/entry.js';
import { createBudget } from '../outbound/evaluation-budget.js';
import { createGatherer, type GatherOptions } from './gather.js';
import { validateGathered } from './validate-gathered.js';

export interface KeptChainOptions extends GatherOptions {
  readonly anchors: Readonly<Record<string, JwkSet>>;
}

/** Two exchanges for each statement of a chain: the issuer's configuration and the statement. */
const FETCHES = 2 * (limits.MAX_CHAIN_DEPTH + 2);
const MILLISECONDS = 10_000;

/**
 * Does a chain that held once hold with what its issuers state today? Each statement of it is asked for anew; the subject's
 * own configuration is today's where it can be had. It has a budget of its own, so that a subject gains nothing by keeping
 * silent, nor by a graph that uses up the budget of its evaluation.
 * @param chain compact statements, the subject's configuration first, the Trust Anchor's last
 * @returns true: an issuer states something else or nothing any more; unknown: an issuer could not be asked
 */
export async function isDenied(chain: readonly string[], configuration: EntityStatement | undefined, options: KeptChainOptions): Promise<boolean | 'unknown'> {
  const budget = createBudget(undefined, { fetches: FETCHES, milliseconds: MILLISECONDS });
  const gatherer = createGatherer({ ...options, budget });
  const [own = '', ...above] = chain;
  // All at once and the anchor's first: whoever is slow or silent stands below who may have denied it, and puts off nothing.
  const asked = above
    .map((compact) => parseJws(compact, 'entity-statement+jwt'))
    .reverse()
    .map(async (jws): Promise<Result<EntityStatement>> => {
      if (!jws.ok) return jws;
      const { iss, sub } = jws.value.claims as { readonly iss: string; readonly sub: string };
      return iss === sub ? gatherer.configuration(iss) : gatherer.statement(iss, sub);
    });
  const denies = async (answer: Promise<Result<EntityStatement>>): Promise<true> => {
    if (!isDefinite(await answer)) throw new Error('no denial');
    return true;
  };
  if (await Promise.any(asked.map(denies)).catch(() => false)) return true;
  const statements = (await Promise.all(asked)).flatMap((one) => (one.ok ? [one.value] : [])).reverse();
  if (statements.length < asked.length) return 'unknown';
  const today = [configuration?.compact ?? own, ...statements.map(({ compact }) => compact)];
  const ends = statements.slice(-1).map(({ claims }) => [statements.length, claims.iss] as const);
  const result = await validateGathered(today, ends, gatherer, (one) => validateTrustChain(one, options));
  if (result.ok) return false;
  return isDefinite(result) ? true : 'unknown';
}

/** Not being able to find out denies nothing. */
const isDefinite = (result: Result<unknown>): boolean => !result.ok && !result.findings.some(({ transient, code }) => transient || code === 'budget_exceeded');
