import { newestAbout } from '../../store/act-event.js';
import type { Database } from '../../store/database.js';
import type { EventRow } from '../../store/event.js';

const NEWEST = 50;

/** The event of an act about a subject. */
export const actEvent = async (db: Database, authorityId: string, subjectId: string, act: string): Promise<EventRow | undefined> =>
  (await newestAbout(db, authorityId, [subjectId], NEWEST)).find(({ detail }) => detail['halt'] === act);
