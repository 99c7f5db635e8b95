import { and, eq } from 'drizzle-orm';
import { putArtefacts } from '../../store/bulk.js';
import type { Watch } from '../../store/change.js';
import { member, type MemberState } from '../../store/schema.js';
import { allow, type Call, change, type Permission } from '../call.js';
import { reissueMarks } from '../marks/reissue-marks.js';
import { cutMember } from './cut-member.js';
import { expectMayBeActive } from './may-be-active.js';
import { knowMembers } from '../../store/known-entities.js';
import { issuerOf, published, signedStatement } from '../artefacts/publish.js';
import { Refusal } from '../refusal.js';
import { expectVersion, findAuthority, findMember, type MemberRow } from '../registry.js';

interface Verb {
  readonly from: readonly MemberState[];
  readonly to: MemberState;
  readonly permission: Permission;
  readonly event: string;
  /** A reason is demanded. */
  readonly reason?: true;
  /** Cuts: needs nothing from the member, goes to the head of the queue, takes every artefact with it. */
  readonly cuts?: true;
}

/** The life cycle of a member, whole (registry §2). What cuts takes one person; what widens takes an approver. */
export const MEMBER_VERBS = {
  take: { from: ['applied'], to: 'vetting', permission: 'enroll', event: 'member.taken' },
  approve: { from: ['vetting'], to: 'approved', permission: 'approve', event: 'member.approved' },
  activate: { from: ['approved'], to: 'active', permission: 'approve', event: 'member.activated' },
  refuse: { from: ['applied', 'vetting', 'approved'], to: 'refused', permission: 'enroll', event: 'member.refused', reason: true },
  withdraw: { from: ['applied', 'vetting', 'approved'], to: 'withdrawn', permission: 'enroll', event: 'member.withdrawn' },
  suspend: { from: ['active'], to: 'suspended', permission: 'cut', event: 'member.suspended', reason: true, cuts: true },
  resume: { from: ['suspended'], to: 'active', permission: 'approve', event: 'member.resumed' },
  revoke: { from: ['active', 'suspended'], to: 'revoked', permission: 'cut', event: 'member.revoked', reason: true, cuts: true },
  archive: { from: ['revoked', 'refused', 'withdrawn'], to: 'archived', permission: 'enroll', event: 'member.archived' },
} as const satisfies Record<string, Verb>;
export type MemberVerb = keyof typeof MEMBER_VERBS;

export interface Transition {
  readonly reason?: string | undefined;
  readonly version?: number | undefined;
}

/** The answer of a verb: `already` when the member was in that state, and nothing changed. */
export interface Transitioned {
  readonly member: MemberRow;
  readonly already: boolean;
}

/**
 * Move a member to another state, with its artefacts, in one commit.
 * @throws Refusal wrong_state, permission_denied, not_found, version_conflict, findings
 */
export async function transitionMember(call: Call, slug: string, id: string, name: MemberVerb, input: Transition = {}): Promise<Transitioned> {
  const verb: Verb = MEMBER_VERBS[name];
  allow(call, verb.permission, slug);
  if (verb.reason && !input.reason) throw new Refusal('invalid_request', `${name} needs a reason`);
  const { db } = call.store;
  const authorityId = (await findAuthority(db, slug)).id;
  const { entityId } = await findMember(db, authorityId, id);
  return change<Transitioned>(call, {
    authorityId,
    scope: entityId,
    urgent: verb.cuts === true,
    async decide(watch) {
      const before = await findMember(db, authorityId, id);
      // One that a halt suspended, suspended by itself as well, does not come back with the end of that halt.
      const there = before.state === verb.to && before.suspendedWith === null;
      if (there) return { events: [], statements: [], result: { member: before, already: true } };
      expectVersion(before, input.version);
      if (!verb.from.includes(before.state) && before.state !== verb.to)
        throw new Refusal('wrong_state', `a member that is ${before.state} cannot be moved by ${name}; it must be ${verb.from.join(' or ')}`);
      const moved = verb.cuts
        ? { ...(await cutMember(call, before, watch, { to: verb.to as 'suspended' | 'revoked', reason: input.reason ?? null })), artefacts: [] }
        : await moveMember(call, slug, before, verb.to, input.reason, watch);
      return {
        events: [
          {
            type: verb.event,
            subjectKind: 'member',
            subjectId: before.id,
            reason: input.reason,
            detail: { entity_id: entityId, from: before.state, to: verb.to, ...(verb.permission === 'approve' && { single_operator: true }) },
            artefacts: published(moved.artefacts),
          },
        ],
        statements: moved.statements,
        elsewhere: moved.elsewhere,
        result: { member: moved.member, already: false },
      };
    },
  });
}

/** A move that cuts nothing: what makes a member active publishes its statement, and its marks from the grants that stand. */
async function moveMember(call: Call, slug: string, before: MemberRow, to: MemberState, reason: string | undefined, watch: Watch) {
  const { db } = call.store;
  const { authorityId } = before;
  const after: MemberRow = { ...before, state: to, stateReason: reason ?? null, suspendedWith: null, updatedAt: call.now(), v: before.v + 1 };
  const signs = to === 'active';
  if (signs) await expectMayBeActive(db, before);
  const artefacts = signs ? [await signedStatement(call, await issuerOf(call, await findAuthority(db, slug)), after)] : [];
  const marks = signs ? await reissueMarks(call, [after], watch) : { statements: [], elsewhere: [] };
  const { state, stateReason, suspendedWith, updatedAt, v } = after;
  const of = and(eq(member.authorityId, authorityId), eq(member.id, before.id));
  return {
    member: after,
    artefacts,
    elsewhere: marks.elsewhere,
    statements: [
      db.update(member).set({ state, stateReason, suspendedWith, updatedAt, v }).where(of),
      ...(signs ? [...putArtefacts(artefacts), ...marks.statements, knowMembers(authorityId, [before.entityId], updatedAt)] : []),
    ],
  };
}
