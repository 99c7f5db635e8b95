import { and, asc, eq, gt, isNotNull, isNull } from 'drizzle-orm';
import type { Database } from './database.js';
import { checkpoint, event, eventPrivate } from './schema.js';

const PAGE = 1000;

export interface PartOfEvent {
  readonly seq: number;
  readonly salt: string | null;
  readonly payload: string | null;
  readonly erasedSeq: number | null;
  /** What the event commits to; null where it commits to nothing. */
  readonly commitment: string | null;
}

/** Every private part of a chain, in its order. */
export async function eachPart(db: Database, authorityId: string, visit: (one: PartOfEvent) => void): Promise<void> {
  for (let after = 0; ; ) {
    const rows = await db
      .select({
        seq: eventPrivate.seq,
        salt: eventPrivate.salt,
        payload: eventPrivate.payload,
        erasedSeq: eventPrivate.erasedSeq,
        commitment: event.privateCommitment,
      })
      .from(eventPrivate)
      // Of an event that is gone the gap is told.
      .innerJoin(event, and(eq(event.authorityId, eventPrivate.authorityId), eq(event.seq, eventPrivate.seq)))
      .where(and(eq(eventPrivate.authorityId, authorityId), gt(eventPrivate.seq, after)))
      .orderBy(asc(eventPrivate.seq))
      .limit(PAGE);
    for (const row of rows) visit(row);
    if (rows.length < PAGE) return;
    after = rows.at(-1)?.seq ?? after;
  }
}

/** Events that commit to a private part of which no row is left. */
export const lostParts = async (db: Database, authorityId: string, most: number): Promise<readonly number[]> =>
  (
    await db
      .select({ seq: event.seq })
      .from(event)
      .leftJoin(eventPrivate, and(eq(eventPrivate.authorityId, event.authorityId), eq(eventPrivate.seq, event.seq)))
      .where(and(eq(event.authorityId, authorityId), isNotNull(event.privateCommitment), isNull(eventPrivate.seq)))
      .orderBy(asc(event.seq))
      .limit(most)
  ).map(({ seq }) => seq);

/** Checkpoints that name an event which the chain does not have, or has otherwise. */
export const adriftCheckpoints = (db: Database, authorityId: string, most: number): Promise<readonly { readonly n: number; readonly seq: number }[]> =>
  db
    .select({ n: checkpoint.n, seq: checkpoint.seq })
    .from(checkpoint)
    .leftJoin(event, and(eq(event.authorityId, checkpoint.authorityId), eq(event.seq, checkpoint.seq), eq(event.hash, checkpoint.head)))
    .where(and(eq(checkpoint.authorityId, authorityId), isNull(event.seq)))
    .orderBy(asc(checkpoint.n))
    .limit(most);
