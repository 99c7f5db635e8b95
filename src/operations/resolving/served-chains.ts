import { servedAs } from '../../store/published.js';
import { publishedNow } from '../../store/published-now.js';
import type { Deployment } from '../call.js';
import { chainIn } from './kept-chains.js';

/**
 * The Trust Chains of the answers that are served about a subject at this moment: of one that rests on something that was cut, or has
 * changed and is being evaluated anew, there is none, though it stands there until that was done.
 */
export async function servedChains(
  { store: { db }, now }: Deployment,
  authorityId: string,
  subject: string,
  anchors: readonly string[],
): Promise<readonly (readonly string[])[]> {
  const published = publishedNow(db);
  const chains: (readonly string[])[] = [];
  for (const anchor of anchors) {
    const evaluation = await published.evaluation(authorityId, subject, anchor);
    if (evaluation?.state !== 'valid') continue;
    const answer = await published.resolved(authorityId, subject, anchor, evaluation.types);
    const chain = answer?.rests === 'sound' && servedAs(answer, now()) === 'served' ? chainIn(answer.bytes) : undefined;
    if (chain) chains.push(chain);
  }
  return chains;
}
