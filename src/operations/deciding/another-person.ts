import { personBehind } from '../../store/people.js';
import type { Call } from '../call.js';
import { Refusal } from '../refusal.js';
import type { AuthorityRow } from '../registry.js';

/**
 * Who looks at something is not who brought it, where two persons decide: whatever key either came with. Where one decides, the
 * event says so.
 * @param broughtBy actors
 * @throws Refusal permission_denied for a key of nobody, self_approval
 */
export async function expectAnother(
  call: Call,
  { quorum }: Pick<AuthorityRow, 'quorum'>,
  broughtBy: readonly (string | null)[],
  what: string,
): Promise<{ readonly single_operator?: true }> {
  if (quorum < 2) return { single_operator: true };
  const { actor, store } = call;
  if (actor.kind !== 'person')
    throw new Refusal('permission_denied', `this takes a person here (quorum 2), and this API key is nobody's: a person does it with a key of his own`);
  for (const one of new Set(broughtBy))
    if ((await personBehind(store.db, one)) === actor.id) throw new Refusal('self_approval', `you ${what}; with quorum 2 another person looks at it`);
  return {};
}
