import type { Call } from '../call.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, authorityKeys } from '../registry.js';
import { activateKey } from './activate-key.js';
import { createKey } from './create-key.js';
import { retireKey } from './retire-key.js';
import { findHeir } from './revoke-key.js';

/** Somebody else did it first, or it cannot be done yet: the next turn looks again. */
const WAITS = ['key_not_ready', 'wrong_state'];

/** The schedule: stage the next key ahead of time, activate it when it is due and ready, retire the old one. */
export async function rotateBySchedule(call: Call<unknown>, row: AuthorityRow): Promise<readonly string[]> {
  const { keyRotation, configurationLifetime } = row;
  const done: string[] = [];
  const now = call.now();
  const keys = await authorityKeys(call.store.db, row.id);
  const attempt = async (what: string, act: () => Promise<unknown>) => {
    try {
      if ((await act()) !== undefined) done.push(what);
    } catch (error) {
      if (!(error instanceof Refusal && WAITS.includes(error.code))) throw error;
    }
  };
  const active = keys.find(({ state }) => state === 'active');
  const staged = keys.find(({ state }) => state === 'staged');
  if (!active) await attempt('succeeded', () => findHeir(call, row));
  if (keyRotation !== null && active) {
    const due = (active.activeAt ?? active.createdAt) + keyRotation;
    if (!staged && now >= due - configurationLifetime * 2) await attempt('staged', () => createKey(call, row.slug, { onlyNext: true }));
    if (staged && now >= due) await attempt('activated', () => activateKey(call, row.slug, staged.kid, { scheduled: true, ask: false }));
  }
  for (const { kid } of keys.filter(({ state }) => state === 'retiring')) await attempt('retired', () => retireKey(call, row.slug, kid));
  return done;
}
