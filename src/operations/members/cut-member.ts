import { and, eq, notInArray } from 'drizzle-orm';
import type { Watch } from '../../store/change.js';
import { dropSaidOf } from '../../store/member-ends.js';
import { only } from '../../store/only.js';
import { artefact } from '../../store/schema.js';
import type { Deployment } from '../call.js';
import { cutMarksOf, type WithMarks } from '../marks/cut-marks.js';
import type { MemberRow } from '../registry.js';
import { writeMembers } from './write-member.js';

export interface Cut extends WithMarks {
  readonly member: MemberRow;
}

/**
 * Everything that a cut of one member writes: its row, its artefacts, its marks wherever they were issued, the evaluations
 * that rest on it. It needs nothing from the member and no signature.
 * @param suspendedWith the organization or authority whose halt it is; null for a cut of the member's own
 */
export const cutMember = async (
  deployment: Deployment,
  before: MemberRow,
  watch: Watch,
  how: Cutting & { readonly to: 'suspended' | 'revoked' },
): Promise<Cut> => {
  const { members, ...rest } = await cutMembers(deployment, [before], watch, how);
  return { ...rest, member: members[0] as MemberRow };
};

export interface Cutting {
  readonly reason: string | null;
  readonly publicReason?: string | undefined;
  readonly suspendedWith?: string | null;
}

/** The same for many of one authority: as many statements as for one. */
export async function cutMembers(
  deployment: Deployment,
  rows: readonly MemberRow[],
  watch: Watch,
  { to, reason, publicReason, suspendedWith = null }: Cutting & { readonly to: 'suspended' | 'revoked' },
): Promise<WithMarks & { readonly members: readonly MemberRow[] }> {
  const { db } = deployment.store;
  const now = deployment.now();
  const cut = (before: MemberRow): MemberRow => ({
    ...before,
    state: to,
    stateReason: reason,
    suspendedWith,
    cut: before.cut + 1,
    // What we served of it goes with the rest; a member that comes back uploads a fresh one.
    hosted: false,
    updatedAt: now,
    v: before.v + 1,
  });
  const marks = await cutMarksOf(deployment, rows, watch, { reason: `${to}: ${reason}`, ends: to === 'revoked' });
  const written = await writeMembers(
    db,
    rows.map((before) => ({ before, after: cut(before), publicReason })),
  );
  const [first] = rows;
  return {
    members: written.rows,
    elsewhere: marks.elsewhere,
    statements: [
      ...written.statements,
      ...(first && rows.length === 1
        ? [
            db
              .delete(artefact)
              .where(and(eq(artefact.memberId, first.id), only(artefact.authorityId, first.authorityId), notInArray(artefact.kind, ['mark', 'mark_status']))),
          ]
        : [dropSaidOf(rows)]),
      ...marks.statements,
    ],
  };
}
