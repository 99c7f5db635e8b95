import { endingUntold, reattestUntold, setAccreditation } from '../../store/accreditations.js';
import type { Statement } from '../../store/database.js';
import type { NewEvent } from '../../store/event.js';
import { noteReattestTold } from '../../store/member-ends.js';
import { change, type Deployment, systemCall } from '../call.js';

const DAY = 24 * 60 * 60;
/** Days before an end at which it is told, each once. */
export const REMINDED = [60, 30, 14, 7, 1] as const;
/** Of each kind one commit tells so many. */
const SLICE = 200;

interface Told {
  readonly authorityId: string;
  readonly event: NewEvent;
  readonly noted: Statement;
}

/** How many days before that end it is, of those at which it is told. */
const daysBefore = (end: number, now: number): number => REMINDED.findLast((one) => end - now <= one * DAY) ?? REMINDED[0];

async function dueReminders({ store: { db } }: Deployment, now: number, limit: number, authorityId?: string): Promise<readonly Told[]> {
  const accreditations = await endingUntold(db, now, REMINDED, limit, authorityId);
  const members = await reattestUntold(db, now, REMINDED, limit, authorityId);
  return [
    ...accreditations.map((row): Told => {
      const days = daysBefore(row.validUntil as number, now);
      const about = row.memberId === null ? { organization: row.organizationId } : { member: row.memberId };
      return {
        authorityId: row.authorityId,
        event: {
          type: 'accreditation.ending',
          subjectKind: 'accreditation',
          subjectId: row.id,
          reasonCode: 'schedule',
          detail: { ...about, kind: row.kind, valid_until: row.validUntil, days },
        },
        noted: setAccreditation(db, row.id, { toldDays: days }),
      };
    }),
    ...members.map((row): Told => {
      const days = daysBefore(row.reattestBy as number, now);
      return {
        authorityId: row.authorityId,
        event: {
          type: 'member.reattestation_ending',
          subjectKind: 'member',
          subjectId: row.id,
          reasonCode: 'schedule',
          detail: { entity_id: row.entityId, reattest_by: row.reattestBy, days },
        },
        noted: noteReattestTold(row.id, row.reattestBy as number, days),
      };
    }),
  ];
}

/**
 * Tell of accreditations and attestations that end soon, as events and each time once. The findings of the members say the same
 * for as long as it is so.
 * @returns how many were told
 */
export async function remind(deployment: Deployment, limit = SLICE): Promise<number> {
  const now = deployment.now();
  const due = await dueReminders(deployment, now, limit);
  const [first] = due;
  if (!first || !(await deployment.turns.claim(deployment, 'renewal'))) return 0;
  return change<number>(systemCall(deployment) as never, {
    authorityId: first.authorityId,
    scope: null,
    async decide() {
      // Behind the lock: another process may have told it.
      const own = await dueReminders(deployment, now, limit, first.authorityId);
      return { events: own.map(({ event }) => event), statements: own.map(({ noted }) => noted), result: own.length };
    },
  });
}
