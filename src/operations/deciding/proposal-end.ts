import type { ProposalRow } from '../../store/proposals.js';
import type { Deployment } from '../call.js';
import { Refusal } from '../refusal.js';

/** What nobody has approved by then was asked for in a world that is another one by now (seconds). */
export const APPROVALS_LAST = 14 * 24 * 60 * 60;

type Timed = Pick<Deployment, 'now' | 'approvalsLast'>;
const lasting = ({ approvalsLast = APPROVALS_LAST }: Timed): number => approvalsLast;

/** Until when a second person may approve it. Held by time wherever it is decided; the background only tidies up. */
export const proposalEnd = (call: Timed, { createdAt }: Pick<ProposalRow, 'createdAt'>): number => createdAt + lasting(call);

export const hasLapsed = (call: Timed, row: Pick<ProposalRow, 'createdAt' | 'state'>): boolean => row.state === 'open' && proposalEnd(call, row) <= call.now();

/** Whoever was proposed before that has lapsed. */
export const lapsedBefore = (call: Timed): number => call.now() - lasting(call);

/** @throws Refusal decision_changed */
export function expectNotLapsed(call: Timed, row: Pick<ProposalRow, 'createdAt' | 'state'>): void {
  if (hasLapsed(call, row))
    throw new Refusal('decision_changed', `nobody approved it until ${proposalEnd(call, row)}, so it is void; somebody has to propose it anew`);
}
