import { and, eq, notInArray } from 'drizzle-orm';
import type { Watch } from '../../store/change.js';
import { only } from '../../store/only.js';
import { artefact } from '../../store/schema.js';
import type { Deployment } from '../call.js';
import { cutMarksOf, type WithMarks } from '../marks/cut-marks.js';
import type { MemberRow } from '../registry.js';
import { writeMember } from './write-member.js';

export interface Cut extends WithMarks {
  readonly member: MemberRow;
}

/**
 * Everything that a cut of one member writes: its row, its artefacts, its marks wherever they were issued, the evaluations
 * that rest on it. It needs nothing from the member and no signature.
 * @param suspendedWith the organization or authority whose halt it is; null for a cut of the member's own
 */
export async function cutMember(
  deployment: Deployment,
  before: MemberRow,
  watch: Watch,
  {
    to,
    reason,
    publicReason,
    suspendedWith = null,
  }: {
    readonly to: 'suspended' | 'revoked';
    readonly reason: string | null;
    readonly publicReason?: string | undefined;
    readonly suspendedWith?: string | null;
  },
): Promise<Cut> {
  const { db } = deployment.store;
  const { authorityId } = before;
  const after: MemberRow = {
    ...before,
    state: to,
    stateReason: reason,
    suspendedWith,
    cut: before.cut + 1,
    // What we served of it goes with the rest; a member that comes back uploads a fresh one.
    hosted: false,
    updatedAt: deployment.now(),
    v: before.v + 1,
  };
  const marks = await cutMarksOf(deployment, [before], watch, { reason: `${to}: ${reason}`, ends: to === 'revoked' });
  const written = await writeMember(db, { before, after, publicReason });
  return {
    member: written.row,
    elsewhere: marks.elsewhere,
    statements: [
      ...written.statements,
      db
        .delete(artefact)
        .where(and(eq(artefact.memberId, before.id), only(artefact.authorityId, authorityId), notInArray(artefact.kind, ['mark', 'mark_status']))),
      ...marks.statements,
    ],
  };
}
