import type { Deployment } from '../call.js';
import { Refusal } from '../refusal.js';
import { changeOwn, type Own } from './applicant.js';
import { isOpen, standsAt } from './standing.js';
import { becoming, putApplication } from './write-application.js';

/**
 * An applicant writes to the authority. What is said is the private part of the event, so it is told once, is kept as long as the
 * audit trail and can be erased there.
 * @throws Refusal not_found, wrong_state
 */
export function messageOwn(deployment: Deployment, id: string, token: string, text: string): Promise<Own> {
  return changeOwn<Own>(deployment, id, token, async (own, call) => {
    if (!isOpen(own)) throw new Refusal('wrong_state', `this application is ${standsAt(own)}; write to the authority`);
    const after = becoming(own.application, call.now(), { waitingOn: 'reviewer' });
    return {
      events: [{ type: 'application.answered', subjectKind: 'application', subjectId: id, reason: text, detail: { entity_id: after.entityId } }],
      statements: [putApplication(call.store.db, after)],
      result: { ...own, application: after },
    };
  });
}
