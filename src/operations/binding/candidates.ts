import { eq } from 'drizzle-orm';
import { type JwkSet, usableKeys } from '../../federation/entry.js';
import { candidateKeys } from '../../federation/key-proof.js';
import type { Database } from '../../store/database.js';
import { ENDED_STATES, memberWatch } from '../../store/schema.js';
import { Refusal } from '../refusal.js';
import type { MemberRow } from '../registry.js';

const NO_KEYS: JwkSet = { keys: [] };

/** Keys of whoever has ended are neither proven nor confirmed. @throws Refusal wrong_state */
export function expectLiving({ state, entityId }: MemberRow): void {
  if (ENDED_STATES.includes(state)) throw new Refusal('wrong_state', `${entityId} is ${state}; it has no keys to bind`);
}

/** The keys that may be proven or confirmed for a member: those it has, those held for a person to look at, those handed in. */
export async function candidatesOf(db: Database, { id, jwks }: MemberRow, handedIn: JwkSet = NO_KEYS): Promise<JwkSet> {
  const [watch] = await db.select({ hold: memberWatch.hold }).from(memberWatch).where(eq(memberWatch.memberId, id)).limit(1);
  const held = watch?.hold ? usableKeys(watch.hold.jwks) : undefined;
  return candidateKeys(jwks, held?.ok ? held.value.jwks : NO_KEYS, handedIn);
}
