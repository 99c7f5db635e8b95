import { allow, type Call } from '../call.js';
import { Refusal } from '../refusal.js';
import { type AuthorityKeyRow, findAuthority } from '../registry.js';
import { changeKeys, pick, swap } from './change-keys.js';

/** Publish a key that was made without being published. */
export async function stageKey(call: Call<AuthorityKeyRow>, slug: string, kid: string): Promise<AuthorityKeyRow> {
  allow(call, 'rotate', slug);
  const { id } = await findAuthority(call.store.db, slug);
  return changeKeys(call, slug, id, async (keys, { configurationExp }) => {
    const before = pick(keys, kid);
    if (before.state === 'staged') return before;
    if (before.state !== 'created') throw new Refusal('wrong_state', `a key that is ${before.state} cannot be staged`);
    const key: AuthorityKeyRow = { ...before, state: 'staged', stagedAt: call.now(), unseenUntil: configurationExp };
    return { keys: swap(keys, key), key, event: 'key.staged' };
  });
}
