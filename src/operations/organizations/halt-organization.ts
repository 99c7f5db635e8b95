import { and, count, eq, inArray } from 'drizzle-orm';
import type { EventsOf, Watch } from '../../store/change.js';
import type { Statement } from '../../store/database.js';
import { passPlaces } from '../../store/mark-places.js';
import { only } from '../../store/only.js';
import { authority, member, organization, trustMark, trustMarkGrant } from '../../store/schema.js';
import { suspendOrganization } from '../../store/suspend-organization.js';
import { byChain } from '../by-chain.js';
import { allow, type Call, change } from '../call.js';
import { outstandingOfOrganization } from '../halts/outstanding.js';
import { actOf, type CutBy } from '../halts/why.js';
import { type WithMarks, withdrawMarks } from '../marks/cut-marks.js';
import { hurried } from '../keys/from-custody.js';
import { Refusal } from '../refusal.js';
import { findAuthority } from '../registry.js';
import { organizationOrRefuse, type OrganizationRow } from './find-organization.js';

/** Members that an event names, of whom a receipt tells. */
export const EXAMPLES = 5;

export interface MovedOrganization {
  readonly organization: OrganizationRow;
  /** Members it reaches: suspended by a halt, to be brought back by a resume. */
  readonly members: number;
  readonly already: boolean;
}

/**
 * Suspend every active member of an organization at an authority, in one commit and by predicate: it costs as many
 * statements for one member as for all. One event tells of it, with the count; each member's row says with what it was
 * suspended. Until the organization is resumed none of its members becomes active.
 * @throws Refusal invalid_request, not_found
 */
export async function haltOrganization(
  asked: Call<MovedOrganization>,
  slug: string,
  idOrName: string,
  reason: string | undefined,
  publicReason?: string,
  by: CutBy = {},
): Promise<MovedOrganization> {
  const call: Call<MovedOrganization> = { ...asked, custody: hurried(asked.custody) };
  allow(call, 'cut', slug);
  if (!reason) throw new Refusal('invalid_request', 'halting an organization needs a reason');
  const { id: authorityId } = await findAuthority(call.store.db, slug);
  const { id } = await organizationOrRefuse(call, authorityId, idOrName);
  return change<MovedOrganization>(call, {
    authorityId,
    scope: null,
    about: id,
    urgent: true,
    async decide(watch) {
      const { events, elsewhere, ...decided } = await decideHalt(call, watch, { authorityId, id, reason, publicReason, by });
      return { ...decided, ...byChain(authorityId, [{ authorityId, events }, ...elsewhere]) };
    },
  });
}

interface Halting {
  readonly authorityId: string;
  readonly id: string;
  readonly reason: string;
  readonly publicReason: string | undefined;
  readonly by: CutBy;
}

/** Behind the lock of its authority's chain: what the halt of one organization is. The events are those of that chain. */
export async function decideHalt(call: Call, watch: Watch, { authorityId, id, reason, publicReason, by }: Halting) {
  const { db } = call.store;
  const before = await organizationOrRefuse(call, authorityId, id);
  const event = { type: 'organization.halted', subjectKind: 'organization', subjectId: id, reason, reasonCode: by.reasonCode } as const;
  // Told all the same, to whoever is about to bring it back (overtaken.ts).
  const nothing = { legal_name: before.legalName, members: 0, already: true, ...actOf(by) };
  if (before.state === 'halted')
    return { events: [{ ...event, detail: nothing }], elsewhere: [], statements: [], result: { organization: before, members: 0, already: true } };
  const now = call.now();
  const after: OrganizationRow = { ...before, state: 'halted', stateReason: reason, updatedAt: now, v: before.v + 1 };
  const active = and(eq(member.authorityId, authorityId), eq(member.organizationId, id), only(member.state, 'active'));
  const [counted] = await db.select({ n: count() }).from(member).where(active);
  const members = counted?.n ?? 0;
  const examples = await db
    .select({ entityId: member.entityId })
    .from(member)
    .where(active)
    .limit(EXAMPLES)
    .catch(() => []);
  const detail = {
    legal_name: before.legalName,
    members,
    ...(publicReason !== undefined && { public_reason: publicReason }),
    ...actOf(by),
    examples: examples.map(({ entityId }) => entityId),
    ...(await outstandingOfOrganization(call, authorityId, id)),
  };
  const marks = await marksOfMembers(call, watch, { authorityId, organization: before, reason });
  return {
    events: [{ ...event, detail }],
    elsewhere: marks.elsewhere,
    statements: [
      db.update(organization).set({ state: after.state, stateReason: reason, updatedAt: now, v: after.v }).where(eq(organization.id, id)),
      ...marks.statements,
      ...suspendOrganization(authorityId, id, { reason: `organization halted: ${reason}`, publicReason }, now),
      passPlaces({ authorityId, organizationId: id }, now),
    ],
    result: { organization: after, members, already: false },
  };
}

/** What the suspension takes of the members' marks, at every authority that issued some; each of those is watched. */
async function marksOfMembers(
  call: Call,
  watch: Watch,
  { authorityId, organization: of, reason }: { readonly authorityId: string; readonly organization: OrganizationRow; readonly reason: string },
): Promise<WithMarks> {
  const { db } = call.store;
  const active = db
    .select({ id: member.id })
    .from(member)
    .where(and(eq(member.authorityId, authorityId), eq(member.organizationId, of.id), only(member.state, 'active')));
  const issuers = await db
    .selectDistinct({ id: trustMarkGrant.authorityId })
    .from(trustMarkGrant)
    .where(and(inArray(trustMarkGrant.memberId, active), eq(trustMarkGrant.state, 'active')));
  const statements: Statement[] = [];
  const elsewhere: EventsOf[] = [];
  for (const { id } of issuers) {
    const find = () => db.select().from(authority).where(eq(authority.id, id)).limit(1);
    if ((await find()).length === 0) continue;
    await watch(id);
    const [issuing] = await find();
    if (!issuing) continue;
    statements.push(...(await withdrawMarks(call, issuing, inArray(trustMark.memberId, active), `suspended: organization halted: ${reason}`, true)));
    if (id !== authorityId)
      elsewhere.push({
        authorityId: id,
        events: [
          {
            type: 'trust_mark.suspended',
            subjectKind: 'organization',
            subjectId: of.id,
            reason,
            reasonCode: 'organization_halted',
            detail: { legal_name: of.legalName, with: 'the memberships of the organization' },
          },
        ],
      });
  }
  return { statements, elsewhere };
}
