import { retirementObstacle } from '../../keys/life-cycle.js';
import { allow, type Call } from '../call.js';
import { Refusal } from '../refusal.js';
import { type AuthorityKeyRow, findAuthority } from '../registry.js';
import { changeKeys, pick, swap } from './change-keys.js';

/**
 * Take a retiring key out of the configuration. It waits until nothing it signed can still be valid.
 * @param force do not wait: what it signed can then only be judged with the historical keys; the event says so
 * @throws Refusal key_not_ready, wrong_state
 */
export async function retireKey(
  call: Call<AuthorityKeyRow>,
  slug: string,
  kid: string,
  { force = false, reason }: { readonly force?: boolean; readonly reason?: string | undefined } = {},
): Promise<AuthorityKeyRow> {
  allow(call, 'rotate', slug);
  const { id } = await findAuthority(call.store.db, slug);
  return changeKeys(call, slug, id, async (keys, { configurationLifetime, statementLifetime }) => {
    const before = pick(keys, kid);
    if (before.state === 'historical') return before;
    if (before.state !== 'retiring') throw new Refusal('wrong_state', `a key that is ${before.state} cannot be retired; activate another one first`);
    const now = call.now();
    const obstacle = retirementObstacle(before, { now, longestLifetime: Math.max(configurationLifetime, statementLifetime) });
    if (obstacle && !force) throw new Refusal('key_not_ready', `the key cannot leave the configuration yet: ${obstacle}`);
    const key: AuthorityKeyRow = { ...before, state: 'historical', endedAt: now };
    return { keys: swap(keys, key), key, event: force && obstacle ? 'key.retired_by_force' : 'key.retired', reason };
  });
}
