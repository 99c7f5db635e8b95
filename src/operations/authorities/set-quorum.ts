import { eq } from 'drizzle-orm';
import { peopleWithKeys } from '../../store/people.js';
import { authority } from '../../store/schema.js';
import { rolesOf } from '../access/in-force.js';
import { allow, type Call, change } from '../call.js';
import { consent } from '../deciding/consent.js';
import type { Seen } from '../deciding/resume-consent.js';
import { mayBy } from '../permissions.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, findAuthority } from '../registry.js';

/**
 * How many persons it takes to widen trust. Raising it is one act; lowering takes two persons, so that one of them cannot make
 * himself enough.
 * @throws Refusal wrong_state when there are not two persons who could decide
 */
export async function setQuorum(call: Call<AuthorityRow>, slug: string, quorum: 1 | 2, seen: Seen = {}): Promise<AuthorityRow> {
  allow(call, 'administer', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  return change<AuthorityRow>(call, {
    authorityId: id,
    scope: null,
    async decide() {
      const before = await findAuthority(db, slug);
      if (before.quorum === quorum) return { events: [], statements: [], result: before };
      if (quorum > before.quorum) await expectTwo(call, slug);
      const agreed = await consent(call, quorum < before.quorum ? before.quorum : 1, {
        kind: 'quorum',
        subjectId: id,
        authority: before,
        chain: id,
        permission: 'administer',
        content: { authority: slug, from: before.quorum, to: quorum },
        request: { quorum },
        seen: seen.digest,
        note: seen.note,
        recoverable: true,
      });
      if (agreed.held) return agreed.held;
      const after = { ...before, quorum, updatedAt: call.now(), v: before.v + 1 };
      return {
        events: [
          {
            type: quorum > before.quorum ? 'authority.quorum_raised' : 'authority.quorum_lowered',
            subjectKind: 'authority',
            subjectId: id,
            detail: { from: before.quorum, to: quorum, ...agreed.detail },
          },
        ],
        statements: [...agreed.statements, db.update(authority).set({ quorum, updatedAt: after.updatedAt, v: after.v }).where(eq(authority.id, id))],
        result: after,
      };
    },
  });
}

async function expectTwo({ store: { db }, now }: Call, slug: string): Promise<void> {
  const ids = await peopleWithKeys(db, now());
  const roles = await rolesOf(db, ids, now());
  const may = ids.filter((id) => mayBy(roles.get(id) ?? [], 'approve', slug));
  if (may.length < 2)
    throw new Refusal(
      'wrong_state',
      `${may.length} person(s) who may approve for ${slug} have an API key, and quorum 2 takes two; whoever enrols a member does not approve it, so better three (holdfast person add, person grant, api-key create --person)`,
    );
}
