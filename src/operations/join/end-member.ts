import type { NewEvent } from '../../store/event.js';
import type { Statement } from '../../store/database.js';
import type { Call } from '../call.js';
import { expectMovable, MEMBER_VERBS, moved } from '../members/member-verbs.js';
import { dropPublished } from '../members/move-member.js';
import { writeMember } from '../members/write-member.js';
import type { MemberRow } from '../registry.js';

/** The member of an application ends with it. Why is told with the application, whose words they are. */
export async function endMember(
  call: Call,
  before: MemberRow,
  name: 'refuse' | 'withdraw',
  applicationId: string,
): Promise<{ readonly row: MemberRow; readonly events: readonly NewEvent[]; readonly statements: readonly Statement[] }> {
  const verb = MEMBER_VERBS[name];
  expectMovable(before, name, verb);
  const written = await writeMember(call.store.db, { before, after: moved(before, verb, undefined, call.now()), decided: false });
  const detail = { entity_id: before.entityId, from: before.state, to: verb.to, application: applicationId };
  return {
    row: written.row,
    events: [...written.events, { type: verb.event, subjectKind: 'member', subjectId: before.id, detail }],
    statements: [...written.statements, dropPublished(call, before)],
  };
}
