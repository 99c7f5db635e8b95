import { and, count, eq } from 'drizzle-orm';
import { member, organization } from '../../store/schema.js';
import { allow, type Call, change } from '../call.js';
import { resumeConsent, type Seen } from '../deciding/resume-consent.js';
import { restoreAll } from '../members/restore-members.js';
import { afterwards } from '../rehearsing.js';
import { askedAt, expectNotCutSince } from '../overtaken.js';
import { Refusal } from '../refusal.js';
import { expectNotOvertaken, findAuthority } from '../registry.js';
import { organizationOrRefuse, type OrganizationRow } from './find-organization.js';
import type { MovedOrganization } from './halt-organization.js';

/**
 * Bring an organization back, and with it the members that its halt suspended, in slices: whoever was suspended before, or by
 * itself since, stays suspended. Each member has an event of its own, because each has a statement signed anew.
 * @throws Refusal invalid_request, not_found
 */
export async function resumeOrganization(
  call: Call<MovedOrganization>,
  slug: string,
  idOrName: string,
  reason: string | undefined,
  seen?: Seen,
): Promise<MovedOrganization> {
  allow(call, 'approve', slug);
  if (!reason) throw new Refusal('invalid_request', 'resuming an organization needs a reason');
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  const asked = await askedAt(db, authorityId);
  const { id, v } = await organizationOrRefuse(call, authorityId, idOrName);
  const done = await change<MovedOrganization>(call, {
    authorityId,
    scope: null,
    about: id,
    async decide() {
      const before = await organizationOrRefuse(call, authorityId, id);
      if (before.state === 'active') return { events: [], statements: [], result: { organization: before, members: 0, already: true } };
      expectNotOvertaken(v, before.v);
      await expectNotCutSince(db, asked, [id]);
      const of = await findAuthority(db, slug);
      const agreed = await resumeConsent(call, of, { id, act: 'organization', v: before.v }, reason, seen);
      if (agreed.held) return agreed.held;
      const now = call.now();
      const after: OrganizationRow = { ...before, state: 'active', stateReason: null, updatedAt: now, v: before.v + 1 };
      const [counted] = await db
        .select({ n: count() })
        .from(member)
        .where(and(eq(member.suspendedWith, id), eq(member.organizationId, id), eq(member.state, 'suspended')));
      const members = counted?.n ?? 0;
      return {
        events: [
          {
            type: 'organization.resumed',
            subjectKind: 'organization',
            subjectId: id,
            reason,
            detail: { legal_name: before.legalName, members, ...agreed.detail },
          },
        ],
        statements: [
          ...agreed.statements,
          db.update(organization).set({ state: after.state, stateReason: null, updatedAt: now, v: after.v }).where(eq(organization.id, id)),
        ],
        result: { organization: after, members, already: false },
      };
    },
  });
  await afterwards(call, () => restoreAll(call, id));
  return done;
}
