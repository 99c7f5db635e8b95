import { activationObstacle } from '../../keys/life-cycle.js';
import { allow, type Call } from '../call.js';
import { Refusal } from '../refusal.js';
import { type AuthorityKeyRow, findAuthority } from '../registry.js';
import { changeKeys, pick, swap } from './change-keys.js';
import { noteSuperiors } from './note-superiors.js';

/**
 * Sign with a staged key from now on; the one before retires. Everything is signed anew in slices.
 * @param force skip the wait for caches and superiors: for emergencies, the event says so
 * @param ask look at the superiors' statements now; the schedule leaves that to the discovery turn and waits for no stranger
 * @throws Refusal key_not_ready, wrong_state
 */
export async function activateKey(
  call: Call<AuthorityKeyRow>,
  slug: string,
  kid: string,
  {
    force = false,
    reason,
    scheduled = false,
    ask = true,
  }: { readonly force?: boolean; readonly reason?: string | undefined; readonly scheduled?: boolean; readonly ask?: boolean } = {},
): Promise<AuthorityKeyRow> {
  allow(call, 'rotate', slug);
  const row = await findAuthority(call.store.db, slug);
  if (ask && !force && row.authorityHints.length) await noteSuperiors(call, slug);
  return changeKeys(call, slug, row.id, async (keys, current) => {
    const before = pick(keys, kid);
    if (before.state === 'active') return before;
    if (before.state !== 'staged') throw new Refusal('wrong_state', `a key that is ${before.state} cannot be activated; stage it first`);
    const now = call.now();
    const obstacle = activationObstacle(before, { now, configurationLifetime: current.configurationLifetime, hasSuperior: current.authorityHints.length > 0 });
    if (obstacle && !force) throw new Refusal('key_not_ready', `the key cannot sign yet: ${obstacle}`);
    const key: AuthorityKeyRow = { ...before, state: 'active', activeAt: now };
    const old = keys.filter(({ state }) => state === 'active').map((one): AuthorityKeyRow => ({ ...one, state: 'retiring', retiringAt: now }));
    return {
      keys: swap(keys, key, ...old),
      key,
      event: force && obstacle ? 'key.activated_by_force' : 'key.activated',
      reason,
      reasonCode: scheduled ? 'schedule' : undefined,
      resign: true,
    };
  });
}
