import { and, eq, getTableColumns, isNotNull, ne } from 'drizzle-orm';
import { parseJws, type PublicJwk, verifyJws } from '../../federation/entry.js';
import type { Database, Statement } from '../../store/database.js';
import type { NewEvent } from '../../store/event.js';
import { inLot } from '../../store/lots.js';
import { whileNoOtherDelegations } from '../../store/guards.js';
import { authority, authorityKey, trustMarkDelegation, trustMarkType } from '../../store/schema.js';
import type { Call } from '../call.js';
import { consequencesOf } from '../facts.js';
import type { MarkTypeRow } from '../marks/issue-mark.js';
import { moveEnd } from '../members/move-end.js';
import type { AuthorityRow } from '../registry.js';
import type { GoneKey, Rewritten } from './gone-key.js';
import { expectNotCompromised, whileNotCompromised } from './not-compromised.js';

/** Whether a key of ours signed a delegation, under whatever `kid`; who names the key as the signer rests on it as well. */
async function restsOn(delegation: string, thumbprint: string, jwk: PublicJwk): Promise<boolean> {
  const jws = parseJws(delegation, 'trust-mark-delegation+jwt');
  if (!jws.ok) return false;
  const { kid } = jws.value.header;
  if (kid === thumbprint) return true;
  try {
    return (await verifyJws(jws.value, { keys: [{ ...jwk, kid }] })).ok;
  } catch {
    return false; // a key that cannot be read verifies nothing
  }
}

export interface Delegations {
  /** The types that are issued here by a delegation. */
  readonly all: readonly MarkTypeRow[];
  /** Those among them whose delegation counts only by the key. */
  readonly resting: readonly MarkTypeRow[];
}

export async function delegationsBy(call: Call, gone: GoneKey): Promise<Delegations> {
  const now = call.now();
  const all = await call.store.db
    .select(getTableColumns(trustMarkType))
    .from(trustMarkType)
    .innerJoin(authority, eq(authority.id, trustMarkType.authorityId))
    .where(and(isNotNull(trustMarkType.delegation), ne(authority.state, 'retired')));
  const counts = await Promise.all(
    all.map(
      async ({ delegation, delegationExp }) =>
        delegation !== null && (delegationExp === null || delegationExp > now) && (await restsOn(delegation, gone.thumbprint, gone.jwk)),
    ),
  );
  return { all, resting: all.filter((_, n) => counts[n]) };
}

/**
 * A delegation that a compromised key signed has ended (OpenID Federation 1.0 §7.2.2). Its marks are served no more; their
 * places are kept, and the next delegation brings other ones.
 */
export function voidDelegation(call: Call, type: MarkTypeRow): Rewritten {
  const { authorityId, trustMarkType: name } = type;
  const now = call.now();
  return {
    events: [{ authorityId, events: [eventOf(name, { delegated_until: type.delegationExp })] }],
    statements: [
      call.store.db
        .update(trustMarkType)
        .set({ delegationExp: now, updatedAt: now, v: type.v + 1 })
        .where(and(eq(trustMarkType.authorityId, authorityId), eq(trustMarkType.trustMarkType, name))),
      ...moveEnd(call, { authorityId, trustMarkType: name }, now),
      ...consequencesOf(authorityId, { fact: 'all statements changed' }, now, call.dueAtOnce),
    ],
  };
}

/** The delegations that the key signed for others: none of them is handed on, and each delegate needs another one. */
export async function takeBackDelegations({ store: { db } }: Call, of: AuthorityRow, gone: GoneKey): Promise<Rewritten> {
  const rows = await db.select().from(trustMarkDelegation).where(eq(trustMarkDelegation.authorityId, of.id));
  const signed = await Promise.all(rows.map(({ bytes }) => restsOn(bytes, gone.thumbprint, gone.jwk)));
  const ended = rows.filter((_, n) => signed[n]);
  if (ended.length === 0) return { events: [], statements: [] };
  return {
    events: [{ authorityId: of.id, events: ended.map(({ trustMarkType: type, sub, exp }) => eventOf(type, { to: sub, exp })) }],
    statements: [db.delete(trustMarkDelegation).where(inLot(trustMarkDelegation.id, JSON.stringify(ended.map(({ id }) => id))))],
  };
}

const eventOf = (type: string, detail: Readonly<Record<string, unknown>>): NewEvent => ({
  type: 'trust_mark_delegation.key_compromised',
  subjectKind: 'trust_mark_type',
  subjectId: type,
  reasonCode: 'compromised',
  detail,
});

/** Set meanwhile under an authority whose chain was not watched: looked at again. */
export const delegatedByNoOther = (of: AuthorityRow, known: readonly MarkTypeRow[]): Statement => whileNoOtherDelegations(of.id, known);

/**
 * What a delegation needs that is set: no key that was called compromised here has signed it, also not since it was asked.
 * @throws Refusal invalid_request
 */
export async function expectSoundDelegation(db: Database, authorityId: string, delegation: string | null | undefined): Promise<readonly Statement[]> {
  if (typeof delegation !== 'string') return [];
  const keys = await db.select({ kid: authorityKey.kid, jwk: authorityKey.jwk }).from(authorityKey);
  const signed = await Promise.all(keys.map(({ kid, jwk }) => restsOn(delegation, kid, jwk)));
  const signers = [...new Set(keys.filter((_, n) => signed[n]).map(({ kid }) => kid))];
  await expectNotCompromised(db, signers, 'a delegation that it signed does not count. Ask the owner for another one');
  return whileNotCompromised(authorityId, signers);
}
