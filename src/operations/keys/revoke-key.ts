import { explainReason, isRevocationReason, mayBecome } from '../../keys/revocation.js';
import { allow, type Call } from '../call.js';
import { Refusal } from '../refusal.js';
import { type AuthorityKeyRow, type AuthorityRow, findAuthority } from '../registry.js';
import { changeKeys, pick, swap } from './change-keys.js';
import { hurried } from './from-custody.js';
import { patienceOf } from './patience.js';
import { heirAmong, spareKey } from './heir.js';
import { goneKey } from './gone-key.js';
import { removeEverywhere } from './remove-everywhere.js';
import { stillCarried } from './still-carried.js';
import { delegationsBy } from './void-delegations.js';

/** A revoked key, and the superiors that we cannot reach into: they may still vouch for it. */
export interface Revoked extends AuthorityKeyRow {
  /** Superiors in `authority_hints` that this deployment does not operate; their operators have to be told. */
  readonly foreignSuperiors?: readonly string[];
}

const SIGNED = ['active', 'retiring', 'historical'];

/**
 * Revoke a key with a reason (OpenID Federation 1.0 §8.7.3). Nothing it signed is served from this commit on, whatever the
 * reason: the key leaves the configuration, so nobody could verify it, and 503 says "try again" where a bad signature says
 * "forged". When it was signing, the oldest staged key that can sign takes over at once, else a new one. After
 * `compromised` no member row of this deployment vouches for it either. The revocation needs no signature: with a custody
 * that does not answer nothing is served until it does. Repeated, it takes the key from whoever has it still.
 * @throws Refusal invalid_request for an unknown reason, wrong_state where `compromised` would be taken back
 */
export async function revokeKey(asked: Call<Revoked>, slug: string, kid: string, reason: string): Promise<Revoked> {
  const call: Call<Revoked> = { ...asked, custody: hurried(asked.custody) };
  allow(call, 'keys', slug);
  if (!isRevocationReason(reason)) throw new Refusal('invalid_request', explainReason(reason));
  const authority = await findAuthority(call.store.db, slug);
  const spare = await spareKey(call, authority);
  const compromised = reason === 'compromised';
  const patience = patienceOf();
  return changeKeys(
    call,
    slug,
    authority.id,
    async (keys, row, watch) => {
      const before = pick(keys, kid);
      if (!mayBecome(before.revokedReason, reason)) throw new Refusal('wrong_state', 'this key was revoked as compromised; that is never taken back');
      if (before.state === 'revoked' && before.revokedReason === reason && !(compromised && (await restsOnIt(call, before)))) return before;
      const key: AuthorityKeyRow = { ...before, state: 'revoked', endedAt: before.endedAt ?? call.now(), revokedReason: reason };
      const heir = before.state === 'active' ? await heirAmong(call, keys, spare) : undefined;
      const after = swap(keys, key, ...(heir ? [heir] : []));
      const removed = compromised ? await removeEverywhere(call, watch, row, key, heir ?? after.find(({ state }) => state === 'active'), patience) : undefined;
      const foreignSuperiors = removed?.foreignSuperiors ?? [];
      const result: Revoked = { ...key, foreignSuperiors };
      const signed = SIGNED.includes(before.state) || compromised;
      return {
        keys: after,
        key,
        event: 'key.revoked',
        reasonCode: reason,
        detail: { ...(heir && { heir: heir.kid }), ...(foreignSuperiors.length && { foreign_superiors: foreignSuperiors }) },
        ...(signed && { resign: true, withheld: kid }),
        consequences: removed,
        result,
      };
    },
    true,
  );
}

/** Whether something in this deployment still counts by a key that was called compromised before. */
const restsOnIt = async (call: Call, key: AuthorityKeyRow): Promise<boolean> =>
  (await stillCarried(call.store.db, [key.kid])).length > 0 || (await delegationsBy(call, await goneKey(key))).resting.length > 0;

/** An authority that lost its key while no other one could be had: it gets one as soon as the custody gives one. */
export async function findHeir(call: Call<AuthorityKeyRow>, row: AuthorityRow): Promise<AuthorityKeyRow> {
  const spare = await spareKey(call, row);
  return changeKeys(call, row.slug, row.id, async (keys) => {
    const active = keys.find(({ state }) => state === 'active');
    if (active) return active;
    const heir = await heirAmong(call, keys, spare);
    if (!heir) throw new Refusal('key_not_ready', 'no key of this authority can sign now');
    return { keys: swap(keys, heir), key: heir, event: 'key.activated', reasonCode: 'key_revoked', resign: true };
  });
}
