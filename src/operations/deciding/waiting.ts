import type { ProposalKind } from '../../store/schema.js';

interface Proposed {
  readonly id: string;
  readonly kind: ProposalKind;
  readonly subjectId: string;
  readonly digest: string;
}

/**
 * What was asked for is on record and takes one more person. Thrown when that is committed, so an operation that waits does
 * nothing of what would come after it.
 */
export class Waiting extends Error {
  static readonly STATUS = 202;

  /** @param fresh it is put on record with this very change; else it stood there before */
  constructor(
    readonly proposal: Proposed,
    readonly fresh = false,
  ) {
    super(`it takes one more person: holdfast approval show ${proposal.id}`);
  }

  /** As the admin API answers it. */
  get answer() {
    const { id, kind, subjectId, digest } = this.proposal;
    return { waiting_for: 1, approval: { id, kind, subject: subjectId, digest }, detail: this.message };
  }

  /** The same of a rehearsal: of what would only then be put on record there is no id. */
  get rehearsed() {
    const { id, kind, subjectId, digest } = this.proposal;
    return {
      dry_run: true as const,
      waiting_for: 1,
      approval: { id: this.fresh ? null : id, kind, subject: subjectId, digest },
      detail: this.fresh ? 'it would be put on record, and wait for a second person' : `it waits for a second person already: holdfast approval show ${id}`,
    };
  }
}

/** Of a rehearsal: whether it would wait for a second person. @throws what else speaks against it */
export const wouldWait = (rehearsed: Promise<unknown>): Promise<boolean> =>
  rehearsed.then(
    () => false,
    (error: unknown) => {
      if (error instanceof Waiting) return true;
      throw error;
    },
  );
