import { and, eq, gt, isNull, or } from 'drizzle-orm';
import { newId } from '../../keys/random.js';
import { renewable } from '../../store/due-artefacts.js';
import { artefact, knownEntity, lease, superiorListing } from '../../store/schema.js';
import { confirmTime } from '../../store/trusted-time.js';
import { allow, type Call, change, DEPLOYMENT } from '../call.js';
import { CLOCK_TOLERANCE_SECONDS } from './judge-clock.js';
import type { ClockState } from './trusted-clock.js';

/** Leases are short; one that is longer was taken with another clock. Seconds. */
const LONGEST_LEASE = 60 * 60;
/** Nobody is set aside for longer (resolving/take-entities.ts), and no listing is looked at more rarely (resolving/look-at-listings.ts). */
const LONGEST_PUT_OFF = 7 * 24 * 60 * 60;
const LONGEST_DISTANCE = 12 * 60 * 60;

export async function readClock(call: Call): Promise<ClockState> {
  allow(call, 'read', null);
  return call.clock.state(call.store);
}

/**
 * Somebody has looked at a clock that is not trusted and says that it is right. What was signed ahead of it, which nobody can
 * verify before then, is due at once, and so is what was found out with it; its leases end.
 */
export async function confirmClock(call: Call<ClockState>, reason: string): Promise<ClockState> {
  allow(call, 'administer', null);
  const { clock, store } = call;
  const { db } = store;
  const done = await change<ClockState>(call, {
    authorityId: DEPLOYMENT,
    scope: null,
    // Nothing else is written until it is done.
    urgent: true,
    async decide() {
      const now = clock.now();
      const { highest, problem, by } = await clock.state(store);
      const ahead = now + CLOCK_TOLERANCE_SECONDS;
      return {
        events: [{ type: 'clock.confirmed', subjectKind: 'deployment', subjectId: DEPLOYMENT, reason, detail: { now, highest, problem, by } }],
        statements: [
          confirmTime({ highest: now, confirmed: newId('clk') }),
          db
            .update(artefact)
            .set({ renewAt: now })
            .where(and(gt(artefact.iat, ahead), isNull(artefact.withheld), renewable(now))),
          db
            .update(artefact)
            .set({ leaseUntil: 0 })
            .where(gt(artefact.leaseUntil, now + LONGEST_LEASE)),
          db.delete(lease).where(gt(lease.until, now + LONGEST_LEASE)),
          // Found out with it, put off until then, or known since then and looked at by nobody.
          db
            .update(knownEntity)
            .set({ dueAt: now })
            .where(
              or(
                gt(knownEntity.evaluatedAt, ahead),
                gt(knownEntity.dueAt, now + LONGEST_PUT_OFF),
                and(isNull(knownEntity.evaluatedAt), eq(knownEntity.attempts, 0), gt(knownEntity.dueAt, ahead)),
              ),
            ),
          db
            .update(superiorListing)
            .set({ dueAt: now })
            .where(or(gt(superiorListing.checkedAt, ahead), gt(superiorListing.dueAt, now + LONGEST_DISTANCE))),
          db
            .update(knownEntity)
            .set({ leaseUntil: 0 })
            .where(gt(knownEntity.leaseUntil, now + LONGEST_LEASE)),
        ],
        // What a repeated request is told.
        result: { trusted: true, now, highest: now, problem: null, by: 0 },
      };
    },
  });
  return call.rehearsal ? done : clock.state(store);
}
