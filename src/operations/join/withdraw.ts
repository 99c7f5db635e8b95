import { dropStandingsOf, endChallenges } from '../../store/key-standing.js';
import type { Deployment } from '../call.js';
import { Refusal } from '../refusal.js';
import { changeOwn, type Own } from './applicant.js';
import { endMember } from './end-member.js';
import { isOpen, standsAt } from './standing.js';
import { becoming, putApplication } from './write-application.js';

/** An applicant takes its application back. @throws Refusal not_found, wrong_state */
export function withdrawOwn(deployment: Deployment, id: string, token: string): Promise<Own> {
  return changeOwn<Own>(deployment, id, token, async (own, call) => {
    const { application: before, member } = own;
    const state = standsAt(own);
    if (state === 'withdrawn') return { events: [], statements: [], result: own };
    if (!isOpen(own)) throw new Refusal('wrong_state', `this application is ${state}; what is withdrawn is one that nobody has decided about for good`);
    const now = call.now();
    const after = becoming(before, now, { state: 'withdrawn', waitingOn: null, decidedAt: now });
    const ended = member && before.state === 'taken' ? await endMember(call, member, 'withdraw', before.id) : undefined;
    return {
      events: [
        { type: 'application.withdrawn', subjectKind: 'application', subjectId: before.id, detail: { entity_id: before.entityId, was: state } },
        ...(ended?.events ?? []),
      ],
      statements: [...(ended?.statements ?? []), putApplication(call.store.db, after), dropStandingsOf([before.id]), endChallenges([before.id])],
      result: { ...own, application: after, member: ended?.row ?? member },
    };
  });
}
