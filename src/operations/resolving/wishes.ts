import { insertMissing } from '../../store/bulk.js';
import type { Statement } from '../../store/database.js';
import { WISH_SECONDS } from '../../store/inbox.js';
import { wantedSubject } from '../../store/schema.js';
import { anyUntaken, dropWishes, takeUntaken } from '../../store/wishes.js';
import type { Deployment } from '../call.js';

/** Note wishes that came another way than through our own public plane. */
export const noteWishes = (deployment: Deployment, wishes: readonly (typeof wantedSubject.$inferInsert)[]): Promise<void> =>
  wishes.length ? deployment.store.write([insertMissing(wantedSubject, wishes)]) : Promise.resolve();

/** Wishes of authenticated callers become known entities, to be evaluated. Writes only when there is something to take. */
export async function takeWishes({ store: { db, write }, now }: Deployment): Promise<void> {
  if (await anyUntaken(db)) await write([takeUntaken(now())]);
}

const WISH_KEPT = 7 * 24 * 60 * 60;

/** Wishes that have served their time; and entities that were wished for and have no valid chain: asked for again, they are evaluated again. */
export const forgetWishes = (now: number): readonly Statement[] => dropWishes({ asked: now - WISH_SECONDS, evaluated: now - WISH_KEPT });
