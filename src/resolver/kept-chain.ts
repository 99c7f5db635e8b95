import { type EntityStatement, type JwkSet, limits, parseJws, validateTrustChain } from '../federation/entry.js';
import { createBudget } from '../outbound/evaluation-budget.js';
import { createGatherer, type GatherOptions } from './gather.js';

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
  const about = chain.map((compact) => parseJws(compact, 'entity-statement+jwt'));
  const today: string[] = [configuration?.compact ?? chain[0] ?? ''];
  let unknown = false;
  for (const jws of about.slice(1)) {
    if (!jws.ok) return true;
    const { iss, sub } = jws.value.claims as { readonly iss: string; readonly sub: string };
    const statement = iss === sub ? await gatherer.configuration(iss) : await gatherer.statement(iss, sub);
    if (statement.ok) today.push(statement.value.compact);
    else if (statement.findings.some(({ transient, code }) => transient || code === 'budget_exceeded')) unknown = true;
    else return true;
  }
  if (unknown) return 'unknown';
  return !(await validateTrustChain(today, options)).ok;
}
