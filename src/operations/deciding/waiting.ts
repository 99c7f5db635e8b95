import type { ProposalKind } from '../../store/schema.js';

/**
 * What was asked for is on record and takes one more person. Thrown when that is committed, so an operation that waits does
 * nothing of what would come after it.
 */
export class Waiting extends Error {
  static readonly STATUS = 202;

  constructor(readonly proposal: { readonly id: string; readonly kind: ProposalKind; readonly subjectId: string; readonly digest: string }) {
    super(`it takes one more person: holdfast approval show ${proposal.id}`);
  }

  /** As the admin API answers it. */
  get answer() {
    const { id, kind, subjectId, digest } = this.proposal;
    return { waiting_for: 1, approval: { id, kind, subject: subjectId, digest }, detail: this.message };
  }
}
