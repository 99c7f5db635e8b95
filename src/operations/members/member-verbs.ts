import type { MemberState } from '../../store/schema.js';
import type { Permission } from '../permissions.js';
import { Refusal } from '../refusal.js';
import type { MemberRow } from '../registry.js';
import { isStale } from './vetted.js';

/**
 * What a verb does with what we publish: `publish` signs the statement and issues the marks again, `cut` needs nothing from
 * the member, goes to the head of the queue and takes everything with it, `none`: nothing was published.
 */
type Effect = 'publish' | 'cut' | 'none';

export interface Verb {
  readonly from: readonly MemberState[];
  readonly to: MemberState;
  readonly permission: Permission;
  readonly event: string;
  readonly effect: Effect;
  /** A reason is demanded. */
  readonly reason?: true;
  /** A decision about the content: about what stands there (`content`), or about the version that the caller names. */
  readonly decides?: 'content' | 'version';
}

/** The life cycle of a member, whole. What cuts takes one person; what widens takes an approver. */
export const MEMBER_VERBS = {
  take: { from: ['applied'], to: 'vetting', permission: 'enroll', event: 'member.taken', effect: 'none' },
  approve: { from: ['vetting'], to: 'approved', permission: 'approve', event: 'member.approved', effect: 'none', decides: 'content' },
  activate: { from: ['approved'], to: 'active', permission: 'approve', event: 'member.activated', effect: 'publish' },
  refuse: { from: ['applied', 'vetting', 'approved'], to: 'refused', permission: 'enroll', event: 'member.refused', effect: 'none', reason: true },
  withdraw: { from: ['applied', 'vetting', 'approved'], to: 'withdrawn', permission: 'enroll', event: 'member.withdrawn', effect: 'none' },
  suspend: { from: ['active'], to: 'suspended', permission: 'cut', event: 'member.suspended', effect: 'cut', reason: true },
  resume: { from: ['suspended'], to: 'active', permission: 'approve', event: 'member.resumed', effect: 'publish', decides: 'version' },
  revoke: { from: ['active', 'suspended'], to: 'revoked', permission: 'cut', event: 'member.revoked', effect: 'cut', reason: true },
  archive: { from: ['revoked', 'refused', 'withdrawn'], to: 'archived', permission: 'enroll', event: 'member.archived', effect: 'none' },
} as const satisfies Record<string, Verb>;
export type MemberVerb = keyof typeof MEMBER_VERBS;

/** Is the member where the verb leads already? One whose approval is about something else is approved anew. */
export const isThere = async (row: MemberRow, { to, decides }: Verb): Promise<boolean> =>
  // One that a halt suspended, suspended by itself as well, does not come back with the end of that halt.
  row.state === to && row.suspendedWith === null && !(decides === 'content' && (await isStale(row)));

/**
 * What an applicant has changed is in its application: taken by itself, its member would stand there as it was before.
 * @throws Refusal wrong_state
 */
export function expectMovable({ state, entityId, submittedBy }: MemberRow, name: string, { from, to }: Verb): void {
  if (state !== to && !from.includes(state))
    throw new Refusal('wrong_state', `a member that is ${state} cannot be moved by ${name}, which is for one that is ${from.join(' or ')}`);
  if (name === 'take' && submittedBy?.startsWith('apl_'))
    throw new Refusal('wrong_state', `${entityId} came by an application, and was changed since: holdfast application take ${submittedBy}`);
}

/** Does the caller decide about the content with it? */
export const isDecision = ({ decides }: Verb, version: number | undefined): boolean =>
  decides === 'content' || (decides === 'version' && version !== undefined);

/** The row after a verb that cuts nothing. */
export const moved = (before: MemberRow, { to }: Verb, reason: string | undefined, now: number): MemberRow => ({
  ...before,
  state: to,
  stateReason: reason ?? null,
  suspendedWith: null,
  // What relying servers issued before is not to live again.
  ...(before.state === 'suspended' && to === 'active' && { notBefore: now }),
  updatedAt: now,
  v: before.v + 1,
});
