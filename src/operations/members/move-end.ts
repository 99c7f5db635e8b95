import { and, eq, gt, inArray, isNull } from 'drizzle-orm';
import type { Statement } from '../../store/database.js';
import { dueWithEnd } from '../../store/due-artefacts.js';
import { type Bounded, placesEnd } from '../../store/mark-places.js';
import { artefact, trustMark } from '../../store/schema.js';
import type { Deployment } from '../call.js';

/**
 * What an authorization rests on (membership, delegation) got another end: no mark outlives it, also one that is longer or
 * has no end by its own bytes. From the commit on nothing says "active" beyond the end; a mark with the new end is signed by
 * the renewal, also where the one before has ended, and the `expired` answers for then by a slice.
 * @param which the membership, or the type whose delegation it is
 * @param end seconds since the epoch; null when there is none any more
 */
export function moveEnd({ store: { db }, now }: Deployment, which: Bounded, end: number | null): readonly Statement[] {
  const renewed = placesEnd(which, end, now());
  if (end === null) return [renewed];
  const of =
    'memberId' in which
      ? eq(trustMark.memberId, which.memberId)
      : and(eq(trustMark.authorityId, which.authorityId), eq(trustMark.trustMarkType, which.trustMarkType));
  const longer = and(of, isNull(trustMark.revokedAt), gt(trustMark.exp, now()), gt(trustMark.exp, end));
  return [
    renewed,
    db
      .update(artefact)
      .set(dueWithEnd(end, now()))
      .where(
        and(
          eq(artefact.kind, 'mark_status'),
          eq(artefact.variant, 'active'),
          inArray(artefact.key, db.select({ sha256: trustMark.sha256 }).from(trustMark).where(longer)),
        ),
      ),
    db.update(trustMark).set({ exp: end, statusDue: 2 }).where(longer),
  ];
}
