import type { EventsOf, Watch } from '../../store/change.js';
import { grantedAmong, moveAccreditedEnds } from '../../store/accreditations.js';
import type { Statement } from '../../store/database.js';
import type { NewEvent } from '../../store/event.js';
import { takePlacesOf } from '../../store/mark-places.js';
import type { ReasonCode } from '../../audit/reason-codes.js';
import type { Call } from '../call.js';
import { consequencesOf } from '../facts.js';
import { cutMembers } from '../members/cut-member.js';
import { earliest, endOfMember } from '../members/member-end.js';
import { moveEnd } from '../members/move-end.js';
import type { MemberRow } from '../registry.js';
import type { Standing } from './admission.js';

export interface Why {
  readonly reason: string;
  readonly reasonCode: ReasonCode;
  readonly detail?: Readonly<Record<string, unknown>>;
  /** Whoever lacks something, and none of it by this act: it stays as it is, and ends no later than what it still has. */
  readonly spared?: (missing: readonly string[]) => boolean;
}

export interface Reconsidered {
  readonly events: readonly NewEvent[];
  readonly elsewhere: readonly EventsOf[];
  readonly statements: readonly Statement[];
  /** Entity Identifiers of those that are suspended with it. */
  readonly suspended: readonly string[];
}

/**
 * Active members of an authority are accredited otherwise, or have to be: whoever lacks something is suspended, by itself, in
 * the commit that takes it; of the others all that is said ends when what they rest on does.
 */
export async function reconsider(
  call: Call,
  watch: Watch,
  authorityId: string,
  rows: readonly MemberRow[],
  standings: ReadonlyMap<string, Standing>,
  { reason, reasonCode, detail, spared = () => false }: Why,
): Promise<Reconsidered> {
  const now = call.now();
  const missing = (row: MemberRow) => standings.get(row.id)?.missing ?? [];
  const lacking = rows.filter((row) => missing(row).length > 0 && !spared(missing(row)));
  const cut = lacking.length ? await cutMembers(call, lacking, watch, { to: 'suspended', reason }) : undefined;
  const ends = rows.flatMap((row) => {
    const left = standings.get(row.id)?.until ?? null;
    if (missing(row).length && !spared(missing(row))) return [];
    const until = missing(row).length ? earliest(row.accreditedUntil, left) : left;
    if (until === row.accreditedUntil) return [];
    return [{ row, memberId: row.id, accreditedUntil: until, end: endOfMember({ ...row, accreditedUntil: until }) }];
  });
  const marked = await grantedAmong(
    call.store.db,
    ends.map(({ memberId }) => memberId),
  );
  const bearing = ends.filter(({ memberId }) => marked.has(memberId));
  return {
    suspended: lacking.map(({ entityId }) => entityId),
    events: lacking.map((row) => ({
      type: 'member.suspended',
      subjectKind: 'member',
      subjectId: row.id,
      // In nobody's words: the code and what it lacks say it, and nothing of it is to be erased.
      reasonCode,
      detail: { entity_id: row.entityId, from: row.state, to: 'suspended', lacks: missing(row), ...detail },
    })),
    elsewhere: cut?.elsewhere ?? [],
    statements: [
      ...(cut?.statements ?? []),
      ...(ends.length
        ? moveAccreditedEnds(
            ends.map(({ memberId, accreditedUntil, end }) => ({ memberId, accreditedUntil, end })),
            now,
          )
        : []),
      ...bearing.flatMap(({ memberId, end }) => [...moveEnd(call, { memberId }, end), ...takePlacesOf(memberId, now)]),
      ...consequencesOf(authorityId, { fact: 'statement changed', entityIds: ends.map(({ row }) => row.entityId) }, now),
    ],
  };
}
