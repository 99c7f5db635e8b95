import { eventsSaying } from '../../store/act-event.js';
import type { Database } from '../../store/database.js';
import type { EventRow } from '../../store/event.js';

/** Others may name the act as well, but by chance. */
const MOST = 50;

/** The event of an act about a subject. */
export const actEvent = async (db: Database, authorityId: string, subjectId: string, act: string): Promise<EventRow | undefined> =>
  (await eventsSaying(db, authorityId, subjectId, act, MOST)).find(({ detail }) => detail['halt'] === act);
