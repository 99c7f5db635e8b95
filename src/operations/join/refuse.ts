import type { RefuseCode } from '../../audit/reason-codes.js';
import type { ApplicationWithMember } from '../../store/applications.js';
import { dropStandingsOf, endChallenges } from '../../store/key-standing.js';
import { allow, type Call, change } from '../call.js';
import { Refusal } from '../refusal.js';
import { findAuthority } from '../registry.js';
import { endMember } from './end-member.js';
import { findApplication } from './find-application.js';
import { isOpen, standsAt } from './standing.js';
import { becoming, putApplication } from './write-application.js';

export interface RefusalOfApplication {
  readonly reasonCode: RefuseCode;
  /** Told to the applicant. */
  readonly reason: string;
  /** Where it can turn to. */
  readonly redress: string;
}

/** Refuse an application: why, and where the applicant can turn to. It may apply again. @throws Refusal permission_denied, not_found, wrong_state */
export async function refuseApplication(
  call: Call<ApplicationWithMember>,
  slug: string,
  id: string,
  asked: RefusalOfApplication,
): Promise<ApplicationWithMember> {
  allow(call, 'enroll', slug);
  const { reasonCode, reason, redress } = asked;
  const { db } = call.store;
  const authority = await findAuthority(db, slug);
  const { application: seen } = await findApplication(db, authority.id, id);
  return change<ApplicationWithMember>(call, {
    authorityId: authority.id,
    scope: seen.entityId,
    async decide() {
      const found = await findApplication(db, authority.id, id);
      const { application: before, member } = found;
      const state = standsAt(found);
      if (state === 'refused') return { events: [], statements: [], result: found };
      if (!isOpen(found)) throw new Refusal('wrong_state', `the application is ${state}; only an open one is refused`);
      const now = call.now();
      const after = becoming(before, now, { state: 'refused', waitingOn: null, decidedAt: now });
      const ended = member && before.state === 'taken' ? await endMember(call, member, 'refuse', before.id) : undefined;
      const detail = { entity_id: before.entityId, was: state, findings: before.findings.map(({ code }) => code), redress };
      return {
        events: [{ type: 'application.refused', subjectKind: 'application', subjectId: before.id, reason, reasonCode, detail }, ...(ended?.events ?? [])],
        statements: [...(ended?.statements ?? []), putApplication(db, after), dropStandingsOf([before.id]), endChallenges([before.id])],
        result: { ...found, application: after, member: ended?.row ?? member },
      };
    },
  });
}
