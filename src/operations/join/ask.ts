import type { ApplicationWithMember } from '../../store/applications.js';
import { allow, type Call, change } from '../call.js';
import { Refusal } from '../refusal.js';
import { findAuthority } from '../registry.js';
import { findApplication } from './find-application.js';
import { isOpen, standsAt } from './standing.js';
import { becoming, putApplication } from './write-application.js';

/** Write to an applicant: it is for it to answer. @throws Refusal permission_denied, not_found, wrong_state */
export async function askApplicant(call: Call<ApplicationWithMember>, slug: string, id: string, text: string): Promise<ApplicationWithMember> {
  allow(call, 'enroll', slug);
  const { db } = call.store;
  const authority = await findAuthority(db, slug);
  const { application: seen } = await findApplication(db, authority.id, id);
  return change<ApplicationWithMember>(call, {
    authorityId: authority.id,
    scope: seen.entityId,
    async decide() {
      const found = await findApplication(db, authority.id, id);
      if (!isOpen(found)) throw new Refusal('wrong_state', `the application is ${standsAt(found)}: nobody answers any more`);
      const after = becoming(found.application, call.now(), { waitingOn: 'applicant' });
      return {
        events: [{ type: 'application.asked', subjectKind: 'application', subjectId: after.id, reason: text, detail: { entity_id: after.entityId } }],
        statements: [putApplication(db, after)],
        result: { ...found, application: after },
      };
    },
  });
}
