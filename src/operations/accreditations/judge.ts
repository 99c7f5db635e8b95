import { type AccreditationRow, inForceOf } from '../../store/accreditations.js';
import type { Database } from '../../store/database.js';
import type { AdmissionRules } from '../../store/schema.js';
import { type Judged, type Needs, needsOf, type Standing, standingOf } from './admission.js';

/**
 * What members of one authority would have of what they would need, under these rules and with what is about to stand.
 * @param about to be of what is in force now
 * @param unread what they need where the rules cannot be read: a cut does not wait for that
 */
export async function judge(
  db: Database,
  authorityId: string,
  rules: AdmissionRules,
  members: readonly Judged[],
  now: number,
  about: (rows: readonly AccreditationRow[]) => readonly AccreditationRow[] = (rows) => rows,
  unread?: Needs,
): Promise<ReadonlyMap<string, Standing>> {
  const needs = new Map(members.map((one) => [one.id, needed(rules, one, unread)]));
  const accredited = members.filter(({ id }) => needs.get(id)?.kinds.length);
  const rows = accredited.length ? about(await inForceOf(db, authorityId, accredited)) : [];
  return new Map(
    members.map((one) => {
      const mine = rows.filter(({ memberId, organizationId }) => memberId === one.id || (organizationId !== null && organizationId === one.organizationId));
      return [one.id, standingOf(needs.get(one.id) as Needs, mine, one, now)];
    }),
  );
}

function needed(rules: AdmissionRules, member: Judged, unread: Needs | undefined): Needs {
  try {
    return needsOf(rules, member);
  } catch (error) {
    if (!(error instanceof SyntaxError) || !unread) throw error;
    return unread;
  }
}
