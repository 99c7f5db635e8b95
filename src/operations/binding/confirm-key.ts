import { putConfirmation } from '../../store/key-standing.js';
import { allow, type Call } from '../call.js';
import { knownHalts, whileHaltedAsKnown } from '../members/halted-since.js';
import { overtaken } from '../overtaken.js';
import { type NamedKey, namedKeys } from '../members/key-binding.js';
import { Refusal } from '../refusal.js';
import { findAuthority, findMember, type MemberRow } from '../registry.js';
import { candidatesOf } from './candidates.js';
import { changeKeysOf } from './change-keys-of.js';

export interface Confirmation {
  /** By which way the two were compared: in words of whoever did. */
  readonly channel: string;
  /** With whom: a contact that was found independently of the application. */
  readonly contact: string;
}
export interface Confirmed {
  readonly kid: string;
  readonly thumbprint: string;
  readonly at: number;
  readonly by: string;
}

/**
 * Record that a person has compared a key of a member with a contact of his own, by another way than the application came.
 * @param key its thumbprint, or its `kid` where just one key has that
 * @throws Refusal not_found, invalid_request, wrong_state
 */
export async function confirmKey(call: Call<Confirmed>, slug: string, id: string, key: string, { channel, contact }: Confirmation): Promise<Confirmed> {
  const { db } = call.store;
  allow(call, 'enroll', slug);
  const named = async (row: MemberRow) => oneOf(await namedKeys(await candidatesOf(db, row)), key, row);
  const { jkt: compared } = await named(await findMember(db, (await findAuthority(db, slug)).id, id));
  // Whoever compared it did not know of a halt that comes from here on.
  const known = await knownHalts(db, [compared]);
  return changeKeysOf(call, slug, id, async (row, authority) => {
    const { kid, jkt } = await named(row);
    if (jkt !== compared) throw overtaken();
    const now = call.now();
    return {
      events: [
        {
          type: 'member.key_confirmed',
          subjectKind: 'member',
          subjectId: row.id,
          detail: {
            entity_id: row.entityId,
            kid,
            thumbprint: jkt,
            channel,
            contact,
            ...(authority.quorum < 2 && { single_operator: true }),
          },
        },
      ],
      statements: [
        await whileHaltedAsKnown(call, authority.id, known),
        putConfirmation({
          memberId: row.id,
          thumbprint: jkt,
          authorityId: authority.id,
          confirmedAt: now,
          confirmedBy: call.actor.id,
          confirmedChannel: channel,
        }),
      ],
      result: { kid, thumbprint: jkt, at: now, by: call.actor.id },
    };
  });
}

function oneOf(keys: readonly NamedKey[], key: string, { entityId }: MemberRow): NamedKey {
  const named = keys.filter(({ kid, jkt }) => jkt === key || kid === key);
  const [one] = named;
  const there = `it has, or shows: ${keys.map(({ kid, jkt }) => (kid === jkt ? jkt : `${kid} (${jkt})`)).join(', ')}`;
  if (!one) throw new Refusal('not_found', `${entityId} has no key ${key.slice(0, 100)}; ${there}`);
  if (named.some(({ jkt }) => jkt !== one.jkt)) throw new Refusal('invalid_request', `more than one key is named so; say which by its thumbprint; ${there}`);
  return one;
}
