import { eq } from 'drizzle-orm';
import { consequencesOf } from '../facts.js';
import { authority } from '../../store/schema.js';
import { allow, type Call, change } from '../call.js';
import { outstandingOfAuthority } from '../halts/outstanding.js';
import { actOf, type CutBy } from '../halts/why.js';
import { hurried } from '../keys/from-custody.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, findAuthority } from '../registry.js';
import { suspendMemberships } from './memberships.js';

/** The answer of a verb on an authority: `already` when it was in that state, and nothing changed. */
export interface MovedAuthority {
  readonly authority: AuthorityRow;
  readonly already: boolean;
}

/** The columns that a move between states writes. */
export const moved = ({ state, stateReason, cut, updatedAt, v }: AuthorityRow) => ({ state, stateReason, cut, updatedAt, v });

/**
 * The kill switch of a whole authority: from this commit on nothing of it is served or signed. It is one row, whatever the
 * number of members, because each look-up of the public plane asks for the authority's state, and it needs no signature.
 * Answers of other authorities here that rest on it are withheld by the same look-up and evaluated anew; where it is a member
 * of another authority here, it is suspended. What it is asked it answers with 404 `not_found` (OpenID Federation 1.0 §8.9),
 * which is definite: 503 would mean "try again", and a verifier may keep what it has until then.
 * @throws Refusal invalid_request, wrong_state when it is retired
 */
export async function haltAuthority(asked: Call<MovedAuthority>, slug: string, reason: string | undefined, by: CutBy = {}): Promise<MovedAuthority> {
  const call: Call<MovedAuthority> = { ...asked, custody: hurried(asked.custody) };
  allow(call, 'cut', slug);
  if (!reason) throw new Refusal('invalid_request', 'halting an authority needs a reason');
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  return change<MovedAuthority>(call, {
    authorityId: id,
    scope: null,
    about: id,
    urgent: true,
    async decide(watch) {
      const before = await findAuthority(db, slug);
      // Told all the same, to whoever is about to bring it back (overtaken.ts).
      const again = {
        type: 'authority.halted',
        subjectKind: 'authority',
        subjectId: id,
        reason,
        reasonCode: by.reasonCode,
        detail: { entity_id: before.entityId, already: true, ...actOf(by) },
      } as const;
      if (before.state === 'halted') return { events: [again], statements: [], result: { authority: before, already: true } };
      if (before.state === 'retired') throw new Refusal('wrong_state', `the authority ${slug} is retired: nothing of it is served`);
      const now = call.now();
      const after: AuthorityRow = { ...before, state: 'halted', stateReason: reason, cut: before.cut + 1, updatedAt: now, v: before.v + 1 };
      const above = await suspendMemberships(call, watch, before, 'authority.halted', reason);
      return {
        events: [
          {
            type: 'authority.halted',
            subjectKind: 'authority',
            subjectId: id,
            reason,
            reasonCode: by.reasonCode,
            detail: { entity_id: before.entityId, ...actOf(by), ...(await outstandingOfAuthority(call, id)) },
          },
          ...above.events,
        ],
        elsewhere: above.elsewhere,
        statements: [
          db.update(authority).set(moved(after)).where(eq(authority.id, id)),
          ...consequencesOf(id, { fact: 'authority stopped' }, now, call.dueAtOnce),
          ...above.statements,
        ],
        result: { authority: after, already: false },
      };
    },
  });
}
