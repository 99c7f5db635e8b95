import { approvalsOf, closeProposal, type ProposalRow, putApproval } from '../../store/proposals.js';
import type { KeyRole, Role } from '../../store/schema.js';
import { createApiKey } from '../access/api-keys.js';
import { type AuthorityInput, changeAuthority } from '../authorities/authorities.js';
import { resumeAuthority } from '../authorities/resume-authority.js';
import { type AdmissionInput, type SetAdmission, setAdmission } from '../accreditations/set-admission.js';
import { type BindingInput, setBinding } from '../binding/set-binding.js';
import { setQuorum } from '../authorities/set-quorum.js';
import { allow, type Call, change, DEPLOYMENT } from '../call.js';
import { type BundleChange, changeBundle, type ChangedBundle } from '../entitlements/bundles.js';
import type { EntitlementEdit } from '../entitlements/edit-entitlements.js';
import { setEntitlements, type ShownEntitlements } from '../entitlements/set-entitlements.js';
import type { IssuerEdit } from '../issuers/edit-issuers.js';
import { setIssuer, type ShownIssuer } from '../issuers/set-issuer.js';
import { type GrantInput, grantMark } from '../marks/grant-mark.js';
import { changeMarkType, haltMarkType, type MarkTypeInput } from '../marks/mark-types.js';
import { type Delegating, delegateMarkType } from '../marks/recognize-marks.js';
import { changeAgentLimits } from '../agents/change-agent-limits.js';
import type { AgentAuthority } from '../agents/find-agent-authority.js';
import { changeMember, type KeysInput, type MemberChange, replaceMemberKeys } from '../members/change-member.js';
import { moveMember } from '../members/move-member.js';
import { decideHold } from '../members/watch-members.js';
import { resumeOrganization } from '../organizations/resume-organization.js';
import { grantRole } from '../people/roles.js';
import { type PinInput, pinAnchor } from '../resolving/anchors.js';
import type { Acceptance } from '../policies/expect-impact.js';
import { publishPolicy } from '../policies/policies.js';
import { Refusal } from '../refusal.js';
import { expectNotLapsed } from './proposal-end.js';
import { findProposal, PERMISSION_FOR } from './proposals.js';

export interface DecidedProposal {
  readonly row: ProposalRow & { readonly authority: string | null };
}

export interface Vote {
  readonly verdict: 'approve' | 'refuse';
  /** Of what the caller looked at. */
  readonly digest: string;
  readonly note?: string | undefined;
}

type Found = DecidedProposal['row'];
type Stored = Readonly<Record<string, unknown>>;
interface Said {
  readonly digest: string;
  readonly note?: string | undefined;
}
type Carry = (call: Call<unknown>, slug: string, row: Found, said: Said) => Promise<unknown>;

/** What an operation of ours has put on record, as it asked for it. */
const asked = <T extends object>({ request }: Found): T => {
  const { act: _, since: __, halts: ___, ...rest } = request as Stored;
  return rest as T;
};
interface Reasoned {
  readonly reason?: string;
  readonly v?: number;
}
interface HoldRequest {
  readonly reason: string;
  readonly seen: string | null;
}
interface RoleRequest {
  readonly person: string;
  readonly role: Role;
  readonly authority: string | null;
  readonly expires_at: number | null;
}
interface KeyRequest {
  readonly person: string;
  readonly name: string;
  readonly role: KeyRole;
  readonly authorities: readonly string[] | null;
  readonly expires_at: number | null;
  readonly token_digest?: string;
}

interface BindingRequest {
  readonly key_proof: BindingInput['keyProof'];
  readonly second_channel: BindingInput['secondChannel'];
  readonly certificate_roots: string | null;
}
interface AgentsRequest {
  readonly max_agents: number;
  readonly max_per_day: number;
  readonly max_life: number;
  readonly member?: string;
}
const bindingRequest = (row: Found): BindingInput => {
  const { key_proof: keyProof, second_channel: secondChannel, certificate_roots: certificateRoots } = asked<BindingRequest>(row);
  return { keyProof, secondChannel, certificateRoots };
};

const member =
  (verb: 'approve' | 'resume'): Carry =>
  (call, slug, row, said) => {
    const { reason, v } = asked<Reasoned>(row);
    return moveMember(call, slug, row.subjectId, verb, { reason, version: v, ...said });
  };

/** What was asked for, carried out as if the second person asked for it: the operation itself counts the approvals. */
const ACTS: Readonly<Record<string, Carry>> = {
  approve: member('approve'),
  resume: member('resume'),
  organization: (call, slug, row, said) => resumeOrganization(call, slug, row.subjectId, asked<Reasoned>(row).reason, said),
  authority: (call, slug, row, said) => resumeAuthority(call, slug, asked<Reasoned>(row).reason, said),
  mark_type: (call, slug, row, said) => haltMarkType(call, slug, row.subjectId, false, asked<Reasoned>(row).reason, said),
  change: (call, slug, row, { digest }) => changeMember(call, slug, row.subjectId, { ...asked<MemberChange>(row), digest }),
  keys: (call, slug, row, { digest }) => replaceMemberKeys(call, slug, row.subjectId, { ...asked<KeysInput>(row), digest }),
  hold: (call, slug, row, { digest }) => {
    const { reason, seen } = asked<HoldRequest>(row);
    return decideHold(call, slug, row.subjectId, true, reason, seen ?? undefined, digest);
  },
  entitlements: (call, slug, row, { digest }) =>
    setEntitlements(call as Call<ShownEntitlements>, slug, row.subjectId, { ...asked<EntitlementEdit>(row), digest }),
  issuer: (call, slug, row, { digest }) => setIssuer(call as Call<ShownIssuer>, slug, row.subjectId, asked<IssuerEdit>(row), { digest }),
  bundle: (call, slug, row, { digest }) => {
    const { name, ...wanted } = asked<BundleChange & { readonly name: string }>(row);
    return changeBundle(call as Call<ChangedBundle>, slug, name, { ...wanted, digest });
  },
  publish: (call, slug, row, said) => {
    const { version, ...accepted } = asked<Acceptance & { readonly version: number }>(row);
    return publishPolicy(call, slug, version, { ...accepted, ...said });
  },
};
const KINDS: Readonly<Record<string, Carry>> = {
  quorum: (call, slug, row, said) => setQuorum(call, slug, asked<{ readonly quorum: 1 | 2 }>(row).quorum, said),
  binding: (call, slug, row, said) => setBinding(call, slug, bindingRequest(row), said),
  settings: (call, slug, row, said) => changeAuthority(call, slug, asked<AuthorityInput>(row), [], said),
  anchor: (call, slug, row, said) => pinAnchor(call, slug, asked<PinInput>(row), said),
  mark: (call, slug, row, said) => grantMark(call, slug, asked<GrantInput>(row), said),
  mark_type: (call, slug, row, said) => changeMarkType(call, slug, row.subjectId, asked<MarkTypeInput>(row), said),
  delegation: (call, slug, row, said) => delegateMarkType(call, slug, asked<Delegating>(row), said),
  admission: (call, slug, row, said) => setAdmission(call as Call<SetAdmission>, slug, asked<AdmissionInput>(row), said),
  agents: (call, slug, row, said) => {
    const { max_agents: living, max_per_day: perDay, max_life: life, member: next } = asked<AgentsRequest>(row);
    return changeAgentLimits(call as Call<AgentAuthority>, slug, { limits: { living, perDay, life }, member: next }, said);
  },
  role: (call, _, row, said) => {
    const { person, role, authority, expires_at: expiresAt } = asked<RoleRequest>(row);
    return grantRole(call, person, { role, authority, expiresAt }, said);
  },
  person_key: (call, _, row, said) => {
    const { expires_at: expiresAt, token_digest: tokenDigest, ...key } = asked<KeyRequest>(row);
    return createApiKey(call, { ...key, expiresAt, tokenDigest }, undefined, said);
  },
};

/**
 * Approve or refuse what another person has asked for. The second approval carries it out in the same commit; a refusal ends
 * it, and takes one person.
 * @throws Refusal not_found, permission_denied, self_approval, editor_cannot_approve, decision_changed, already_decided
 */
export async function decideProposal(call: Call<DecidedProposal>, id: string, { verdict, digest, note }: Vote): Promise<DecidedProposal> {
  const row = await findProposal(call, id);
  allow(call, PERMISSION_FOR[row.kind], row.authority);
  if (row.state === 'void') throw new Refusal('decision_changed', 'what was to be decided changed since it was proposed; somebody has to propose it anew');
  if (row.state !== 'open') throw new Refusal('already_decided', `it is ${row.state} already`);
  expectNotLapsed(call, row);
  if (digest !== row.digest) throw new Refusal('decision_changed', 'this is not what you looked at; look at it again');
  if (verdict === 'refuse') return refuse(call, row, note);
  const carry = KINDS[row.kind] ?? ACTS[String(row.request['act'])];
  if (!carry) throw new Error(`nobody carries out ${row.kind}`);
  const done = { ...row, state: 'done' as const, decidedAt: call.now() };
  const { idempotency } = call;
  // The change that is made renders its own answer; what was asked for here is answered otherwise.
  const render = () => idempotency?.render({ row: done });
  await carry({ ...call, ...(idempotency && { idempotency: { ...idempotency, render } }) } as Call<unknown>, row.authority ?? '', row, {
    digest,
    note,
  });
  // Somebody else was faster, and the operation had nothing left to do.
  if (!call.rehearsal && !(await approvalsOf(call.store.db, id)).some(({ personId }) => personId === call.actor.id))
    throw new Refusal('already_decided', 'somebody decided it meanwhile');
  return { row: done };
}

function refuse(call: Call<DecidedProposal>, row: Found, note: string | undefined): Promise<DecidedProposal> {
  const { db } = call.store;
  return change<DecidedProposal>(call, {
    // Where the approval would be written: one of the two comes first.
    authorityId: row.kind === 'role' ? DEPLOYMENT : row.authorityId,
    scope: null,
    async decide() {
      const before = await findProposal(call, row.id);
      expectNotLapsed(call, before);
      if (before.state !== 'open') throw new Refusal('already_decided', `it is ${before.state} already`);
      const now = call.now();
      const { id, kind, subjectId, digest } = before;
      return {
        events: [
          { type: 'approval.refused', subjectKind: 'proposal', subjectId: id, reason: note, detail: { kind, subject: subjectId, decision_digest: digest } },
        ],
        statements: [
          putApproval({ proposalId: id, personId: call.actor.id, kind, subjectId, digest, verdict: 'refuse', note: note ?? null, at: now }),
          closeProposal(db, id, 'refused', now),
        ],
        result: { row: { ...before, state: 'refused', decidedAt: now } },
      };
    },
  });
}
