import { eq } from 'drizzle-orm';
import { type AccreditationRow, grantsOn, ofGrantsOn, passGrants, revokeGrantsOn } from '../../store/accreditations.js';
import { type EventsOf, HeadMoved, type Watch } from '../../store/change.js';
import type { Statement } from '../../store/database.js';
import { grantEnds } from '../../store/mark-places.js';
import { authority } from '../../store/schema.js';
import type { Call } from '../call.js';
import { type WithMarks, withdrawMarks } from './cut-marks.js';
import type { GrantRow } from './issue-mark.js';

/** Grants in force that hang on accreditations, by the authority that marks, each watched. */
async function grantsWatched(call: Call, watch: Watch, own: string, accreditationIds: readonly string[]) {
  const { db } = call.store;
  const first = await grantsOn(db, accreditationIds);
  const issuers = [...new Set(first.map(({ authorityId }) => authorityId))];
  for (const id of issuers) if (id !== own) await watch(id);
  const grants = await grantsOn(db, accreditationIds);
  // Granted since, by one that is not watched: decided again.
  if (grants.some(({ authorityId }) => !issuers.includes(authorityId))) throw new HeadMoved();
  return Promise.all(
    issuers.map(async (id) => ({
      issuing: (await db.select().from(authority).where(eq(authority.id, id)).limit(1))[0],
      grants: grants.filter(({ authorityId }) => authorityId === id),
    })),
  );
}

const toldOf = (type: string, { id, entityId, trustMarkType }: GrantRow, reason: string | undefined, accreditation: AccreditationRow) => ({
  type,
  subjectKind: 'trust_mark' as const,
  subjectId: id,
  reason,
  ...(reason !== undefined && { reasonCode: 'accreditation_withdrawn' as const }),
  detail: { entity_id: entityId, trust_mark_type: trustMarkType, with: accreditation.id },
});

/** What hangs on accreditations is withdrawn with them, wherever it was granted: its marks turn to `revoked` in this commit. */
export async function withdrawMarksOn(call: Call, watch: Watch, rows: readonly AccreditationRow[], reason: string): Promise<WithMarks> {
  const [of] = rows;
  if (!of) return { statements: [], elsewhere: [] };
  const now = call.now();
  const statements: Statement[] = [];
  const elsewhere: EventsOf[] = [];
  const ids = rows.map(({ id }) => id);
  const found = await grantsWatched(call, watch, of.authorityId, ids);
  for (const { issuing, grants } of found) {
    if (!issuing || grants.length === 0) continue;
    statements.push(...(await withdrawMarks(call, issuing, ofGrantsOn(ids), reason, true)), ...revokeGrantsOn(issuing.id, ids, reason, now));
    elsewhere.push({ authorityId: issuing.id, events: grants.map((one) => toldOf('trust_mark.withdrawn', one, reason, of)) });
  }
  return { statements, elsewhere };
}

/** An accreditation was renewed: what hangs on the one before hangs on this one, and ends when it does. */
export async function passMarksOn(call: Call, watch: Watch, from: AccreditationRow, to: AccreditationRow): Promise<WithMarks> {
  const now = call.now();
  const found = (await grantsWatched(call, watch, from.authorityId, [from.id])).filter(({ issuing, grants }) => issuing && grants.length);
  const ids = found.flatMap(({ grants }) => grants.map(({ id }) => id));
  if (ids.length === 0) return { statements: [], elsewhere: [] };
  return {
    statements: [passGrants(from, to, now), ...grantEnds(ids, now)],
    elsewhere: found.map(({ grants }) => ({
      authorityId: grants[0]?.authorityId as string,
      events: grants.map((one) => toldOf('trust_mark.renewed', one, undefined, to)),
    })),
  };
}
