import { lapsedAgents } from '../../store/agent-authorities.js';
import { findMembers } from '../../store/accreditations.js';
import { byChain } from '../by-chain.js';
import { change, type Deployment, systemCall } from '../call.js';
import { cutMembers } from '../members/cut-member.js';

/** Agents that one commit ends. */
const SLICE = 100;

/**
 * Agents whose time has come end for good. Nothing of them is served any more by then, whoever works or does not: this says so in
 * their state, and makes room in the books.
 * @returns how many; 0: nobody is left
 */
export async function lapseAgents(deployment: Deployment, limit = SLICE): Promise<number> {
  const { db } = deployment.store;
  const due = await lapsedAgents(db, deployment.now(), limit);
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
      const rows = (await findMembers(db, ids)).filter(({ state, validUntil }) => state === 'active' && validUntil !== null && validUntil <= now);
      if (rows.length === 0) return { events: [], statements: [], result: 0 };
      const cut = await cutMembers(call, rows, watch, { to: 'revoked', reason: 'its time has come' });
      return {
        ...byChain(authorityId, [
          {
            authorityId,
            events: rows.map(({ id, entityId, state, validUntil }) => ({
              type: 'member.revoked',
              subjectKind: 'member' as const,
              subjectId: id,
              reasonCode: 'cessation' as const,
              detail: { entity_id: entityId, from: state, to: 'revoked', valid_until: validUntil },
            })),
          },
          ...cut.elsewhere,
        ]),
        statements: cut.statements,
        result: rows.length,
      };
    },
  });
}
