import { readHead } from '../store/change.js';
import { wasCutSince } from '../store/cut-since.js';
import { type Database, Overtaken } from '../store/database.js';

/** When somebody asks for something: where the chain stands then. Read before what the decision is about. */
export interface AskedAt {
  readonly authorityId: string;
  readonly seq: number;
}

/** @param asOf the last event that the caller knew of, where he looked before he asked */
export const askedAt = async (db: Database, authorityId: string, asOf = Number.MAX_SAFE_INTEGER): Promise<AskedAt> => ({
  authorityId,
  seq: Math.min(asOf, (await readHead(db, authorityId)).seq),
});

/**
 * Whoever gives back decided on what stood there when the request came in. A cut since then, in whatever process, was not
 * known to him, also where it found nothing left to cut: each leaves its event. One that waits in the same queue is refused
 * by that (store/change.ts). Asked behind the lock, so no cut comes in between.
 * @param subjectIds what is given back, and what was cut with it
 * @throws Overtaken
 */
export async function expectNotCutSince(db: Database, { authorityId, seq }: AskedAt, subjectIds: readonly string[]): Promise<void> {
  if (await wasCutSince(db, authorityId, seq, subjectIds)) throw overtaken();
}

export const overtaken = (): Overtaken => new Overtaken('a cut of it came first; look at it and decide again');
