import { indexAnew } from '../../store/member-rows.js';
import { allow, type Call, change, DEPLOYMENT } from '../call.js';

/** Make the indexes of members' keys and spellings anew, in the background. Enrolments wait for it. */
export async function reindexMembers(call: Call): Promise<{ readonly state: 'indexing' }> {
  allow(call, 'administer', null);
  return change(call, {
    authorityId: DEPLOYMENT,
    scope: null,
    decide: async () => ({
      events: [{ type: 'members.reindexing', subjectKind: 'deployment', subjectId: DEPLOYMENT }],
      statements: [indexAnew()],
      result: { state: 'indexing' as const },
    }),
  });
}
