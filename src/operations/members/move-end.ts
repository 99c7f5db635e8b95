import { and, eq, gt, inArray, isNull, type SQL, sql } from 'drizzle-orm';
import type { Statement } from '../../store/database.js';
import { artefact, trustMark } from '../../store/schema.js';
import type { Deployment } from '../call.js';

/**
 * What an authorization rests on (membership, delegation) got another end: no mark outlives it, also one that is longer or
 * has no end by its own bytes. From the commit on nothing says "active" beyond the end; a mark with the new end is signed by
 * the renewal, and the `expired` answers for then by a slice.
 * @param which condition on rows of `trust_mark`
 * @param end seconds since the epoch; null when there is none any more
 */
export function moveEnd({ store: { db }, now }: Deployment, which: SQL | undefined, end: number | null): readonly Statement[] {
  const standing = and(which, isNull(trustMark.revokedAt), gt(trustMark.exp, now()));
  const hashes = (where: SQL | undefined) => db.select({ sha256: trustMark.sha256 }).from(trustMark).where(where);
  const due = { renewAt: now(), leaseUntil: 0 };
  const renewed = db
    .update(artefact)
    .set({ ...due, cap: end })
    .where(and(eq(artefact.kind, 'mark'), inArray(artefact.sha256, hashes(standing))));
  if (end === null) return [renewed];
  const longer = and(standing, gt(trustMark.exp, end));
  return [
    renewed,
    db
      .update(artefact)
      // An answer that was signed for longer is withheld until it is signed anew.
      .set({ ...due, cap: end, withheld: sql`CASE WHEN exp > ${end} THEN 'end_moved' ELSE withheld END` })
      .where(and(eq(artefact.kind, 'mark_status'), eq(artefact.variant, 'active'), inArray(artefact.key, hashes(longer)))),
    db.update(trustMark).set({ exp: end, statusDue: 2 }).where(longer),
  ];
}
