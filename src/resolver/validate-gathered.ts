import type { Result, TrustChain } from '../federation/entry.js';
import type { Gatherer } from './gather.js';

const UNVERIFIED: ReadonlySet<string> = new Set(['signature_invalid', 'signature_key_unknown', 'alg_not_accepted']);

/** Did a signature fail with the keys that were at hand? */
export const isUnverified = (result: Result<unknown>): boolean => !result.ok && result.findings.some(({ code }) => UNVERIFIED.has(code));

/**
 * Validate a chain that was gathered. A signature that fails is no verdict yet while the keys come from a configuration that
 * a cache gave: its owner may have other keys by now (OpenID Federation 1.0 §11.3). Then the configurations at its ends are
 * asked for past the cache, once, and the chain is judged with these.
 * @param ends where in the chain a configuration stands, and whose
 */
export async function validateGathered(
  chain: readonly string[],
  ends: readonly (readonly [place: number, id: string])[],
  gatherer: Pick<Gatherer, 'configuration' | 'anew'>,
  validate: (chain: readonly string[]) => Promise<Result<TrustChain>>,
): Promise<Result<TrustChain>> {
  const result = await validate(chain);
  if (!isUnverified(result)) return result;
  const today = [...chain];
  for (const [place, id] of ends) {
    const own = await (gatherer.anew(id) ?? gatherer.configuration(id));
    // What could not be found out is no verdict on the chain.
    if (!own.ok) return own;
    today[place] = own.value.compact;
  }
  return today.every((compact, n) => compact === chain[n]) ? result : validate(today);
}
