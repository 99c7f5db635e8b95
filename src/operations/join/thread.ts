import type { ReasonCode } from '../../audit/reason-codes.js';
import { eventsAbout } from '../../store/applications.js';
import type { Database } from '../../store/database.js';

export interface Message {
  readonly seq: number;
  readonly at: number;
  readonly from: 'applicant' | 'authority';
  /** Null: erased. */
  readonly text: string | null;
}
export interface RefusedWith {
  readonly at: number;
  readonly reasonCode: ReasonCode | string | null;
  /** Null: erased. */
  readonly text: string | null;
  readonly redress: string | null;
}
export interface Thread {
  readonly messages: readonly Message[];
  readonly refusal: RefusedWith | null;
}

/** More than an applicant may leave, with as many of the authority. */
const MOST = 1000;
const FROM: Readonly<Record<string, Message['from']>> = {
  'application.submitted': 'applicant',
  'application.answered': 'applicant',
  'application.asked': 'authority',
};

/** What both sides said, read from the events: there is no other copy of it. */
export async function threadOf(db: Database, authorityId: string, id: string): Promise<Thread> {
  const events = await eventsAbout(db, authorityId, id, MOST);
  const messages = events.flatMap((one): Message[] => {
    const from = FROM[one.type];
    // One that came with no words is no message; of one that was erased it is told that it was.
    if (!from || one.privateCommitment === null) return [];
    return [{ seq: one.seq, at: one.at, from, text: one.erased ? null : one.reason }];
  });
  const last = events.findLast(({ type }) => type === 'application.refused');
  const redress = last?.detail['redress'];
  return {
    messages,
    refusal: last
      ? { at: last.at, reasonCode: last.reasonCode, text: last.erased ? null : last.reason, redress: typeof redress === 'string' ? redress : null }
      : null,
  };
}
