import { and, asc, eq, gt, lte } from 'drizzle-orm';
import type { Database } from './database.js';
import type { EventRow } from './event.js';
import { erasedOf, onPrivate, type PrivateRow, WITH_PRIVATE } from './joined-event.js';
import { event, eventPrivate } from './schema.js';

/** Events of a chain as they stand, each with its private part, after one of them. */
export const eventsAfter = (
  db: Database,
  authorityId: string,
  after: number,
  to: number,
  limit: number,
): Promise<readonly { readonly event: EventRow; readonly part: PrivateRow | null }[]> =>
  db
    .select(WITH_PRIVATE)
    .from(event)
    .leftJoin(eventPrivate, onPrivate())
    .where(and(eq(event.authorityId, authorityId), gt(event.seq, after), lte(event.seq, to)))
    .orderBy(asc(event.seq))
    .limit(limit);

/** A private part as an export has it; undefined: there is none. */
export function exportedPart(part: PrivateRow | null) {
  if (part === null) return undefined;
  const { salt, payload } = part;
  if (salt !== null && payload !== null) return { salt, payload };
  const erased = erasedOf(part);
  return erased ? { erased_at: erased.at, erased_by: erased.by, erased_seq: erased.seq } : undefined;
}
