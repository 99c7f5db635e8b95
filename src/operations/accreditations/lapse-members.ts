import { findMembers, lapsed } from '../../store/accreditations.js';
import { byChain } from '../by-chain.js';
import { change, type Deployment, systemCall } from '../call.js';
import { cutMembers } from '../members/cut-member.js';
import type { MemberRow } from '../registry.js';

/** Members that one commit suspends. */
const SLICE = 100;

const hasLapsed = ({ accreditedUntil, reattestBy, state }: MemberRow, now: number): boolean =>
  state === 'active' && ((accreditedUntil !== null && accreditedUntil <= now) || (reattestBy !== null && reattestBy <= now));

/**
 * Suspend active members whose accreditations, or whose attestation, have ended. Nothing of them is served any more by then:
 * this says so in their state, so that they come back by a decision.
 * @returns how many were suspended; 0: nobody is left
 */
export async function lapseMembers(deployment: Deployment, limit = SLICE): Promise<number> {
  const { db } = deployment.store;
  const due = await lapsed(db, deployment.now(), limit);
  const [first] = due;
  if (!first || !(await deployment.turns.claim(deployment, 'renewal'))) return 0;
  const { authorityId } = first;
  const call = systemCall(deployment);
  const ids = due.filter((one) => one.authorityId === authorityId).map(({ id }) => id);
  return change<number>(call, {
    authorityId,
    scope: null,
    urgent: true,
    async decide(watch) {
      const now = call.now();
      const rows = (await findMembers(db, ids)).filter((one) => hasLapsed(one, now));
      const accredited = rows.filter(({ accreditedUntil }) => accreditedUntil !== null && accreditedUntil <= now);
      const attested = rows.filter((one) => !accredited.includes(one));
      const cuts = [];
      for (const [some, reason, reasonCode] of [
        [accredited, 'an accreditation that it has to have ended', 'accreditation_expired'],
        [attested, 'nobody said in time that it is still needed', 'reattestation_due'],
      ] as const)
        if (some.length) cuts.push({ some, reason, reasonCode, cut: await cutMembers(call, some, watch, { to: 'suspended', reason }) });
      return {
        ...byChain(authorityId, [
          ...cuts.map(({ some, reasonCode }) => ({
            authorityId,
            events: some.map((one) => ({
              type: 'member.suspended',
              subjectKind: 'member' as const,
              subjectId: one.id,
              reasonCode,
              detail: { entity_id: one.entityId, from: one.state, to: 'suspended', accredited_until: one.accreditedUntil, reattest_by: one.reattestBy },
            })),
          })),
          ...cuts.flatMap(({ cut }) => cut.elsewhere),
        ]),
        statements: cuts.flatMap(({ cut }) => cut.statements),
        result: rows.length,
      };
    },
  });
}
