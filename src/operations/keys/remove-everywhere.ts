import type { EventsOf, Watch } from '../../store/change.js';
import { whileBoundToNoOther } from '../../store/guards.js';
import { authority } from '../../store/schema.js';
import type { Call } from '../call.js';
import type { AuthorityKeyRow, AuthorityRow, MemberRow } from '../registry.js';
import { byChain } from '../by-chain.js';
import type { Consequences } from './change-keys.js';
import { disownKey, ownedByNoOther, recognizing } from './disown-key.js';
import { goneKey, type Rewritten } from './gone-key.js';
import { membersWith } from './members-with.js';
import type { Patience } from './patience.js';
import { takeKeys } from './take-key.js';
import { delegatedByNoOther, delegationsBy, takeBackDelegations, voidDelegation } from './void-delegations.js';
import { pinnedByNoOther, pinsWith, unpinKey } from './unpin-key.js';

export interface Removed extends Consequences {
  readonly foreignSuperiors: readonly string[];
}

/**
 * A key of an authority of ours was compromised: from this commit on no member row of this deployment vouches for it, no pinned
 * Trust Anchor and no owner of a type of Trust Mark has it, and no delegation counts by it. Where the row is the authority's
 * own, the heir stands there in its place, so that chains hold. A member that has no other key is suspended: nobody is left to
 * vouch for.
 * @param heir what the authority signs with now; undefined when no key can sign
 * @param patience for statements of other authorities, which are signed anew where that is soon done
 */
export async function removeEverywhere(
  call: Call,
  watch: Watch,
  of: AuthorityRow,
  gone: AuthorityKeyRow,
  heir: AuthorityKeyRow | undefined,
  patience: Patience,
): Promise<Removed> {
  const key = await goneKey(gone);
  const carrying = async () => {
    const owning = (await recognizing(call, key)).map((row) => ({ authorityId: row.id, row }));
    return { members: await membersWith(call, key), pins: await pinsWith(call, key), owning, delegations: await delegationsBy(call, key) };
  };
  // The chains first, then the rows again: what was read before a chain was watched may have moved.
  const found = await carrying();
  const watched = new Set([...found.members, ...found.pins, ...found.owning, ...found.delegations.resting].map(({ authorityId }) => authorityId));
  for (const id of watched) await watch(id);
  const here = ({ authorityId }: { readonly authorityId: string }) => watched.has(authorityId);
  const now = await carrying();
  const [rows, pins, owning, types] = [now.members.filter(here), now.pins.filter(here), now.owning.filter(here), now.delegations.resting.filter(here)];
  const missed = now.delegations.resting.filter((one) => !here(one));
  const told: EventsOf[] = [...watched].map((authorityId) => ({
    authorityId,
    events: [{ type: 'authority.key_compromised', subjectKind: 'authority', subjectId: of.id, detail: { entity_id: of.entityId, kid: gone.kid } }],
  }));
  const rewritten: Rewritten[] = [];
  const taking = (row: MemberRow) => ({
    ...COMPROMISED,
    heir: row.entityId === of.entityId ? heir?.jwk : undefined,
    // The authority's own statements are signed anew by the change of its keys.
    signs: row.authorityId !== of.id,
  });
  if (rows.length) rewritten.push(await takeKeys(call, watch, rows, key.thumbprint, taking, patience));
  for (const pin of pins) rewritten.push(await unpinKey(call, of, pin, key, heir?.jwk));
  const cleared = await Promise.all(owning.map(({ row }) => disownKey(call, of, row, key, heir?.jwk)));
  rewritten.push(...cleared, ...types.map((type) => voidDelegation(call, type)), await takeBackDelegations(call, of, key));
  const own = cleared[owning.findIndex(({ authorityId }) => authorityId === of.id)];
  const ours = new Set((await call.store.db.select({ entityId: authority.entityId }).from(authority)).map(({ entityId }) => entityId));
  return {
    ...byChain(of.id, [...told, ...rewritten.flatMap(({ events }) => events)]),
    statements: [
      // One to whom the key was bound meanwhile, under an authority whose chain was not watched, is rewritten as well: decided again.
      whileBoundToNoOther(of.id, key.thumbprint, rows),
      pinnedByNoOther(of, key, pins),
      ownedByNoOther(
        of,
        key,
        owning.map(({ row }) => row),
      ),
      delegatedByNoOther(
        of,
        now.delegations.all.filter((one) => !missed.includes(one)),
      ),
      ...rewritten.flatMap(({ statements }) => statements),
    ],
    claims: own?.claims,
    foreignSuperiors: of.authorityHints.filter((hint) => !ours.has(hint)),
  };
}

const COMPROMISED = {
  event: 'member.key_compromised',
  reasonCode: 'compromised',
  bare: 'the only key we vouched for was compromised',
  unread: 'a key was compromised, and the others cannot be read',
  marks: 'key compromised',
} as const;
