import { eq } from 'drizzle-orm';
import { agentAuthorityOf } from '../../store/agent-authorities.js';
import { whileOneDecides } from '../../store/guards.js';
import { authority } from '../../store/schema.js';
import { allow, type Call, change } from '../call.js';
import { consent } from '../deciding/consent.js';
import type { Seen } from '../deciding/resume-consent.js';
import { Refusal } from '../refusal.js';
import { expectVersion, findAuthority, findMember, type MemberRow } from '../registry.js';
import { type AgentLimits, expectLimits, keptInWords, limitsInWords, limitsOf, limitsWidened } from './agent-limits.js';
import { type AgentAuthority, showAgentAuthority } from './find-agent-authority.js';

export interface AgentLimitsChange {
  readonly limits?: Partial<AgentLimits> | undefined;
  /** Another member of the same organization makes and retires the agents from now on. */
  readonly member?: string | undefined;
  readonly version?: number | undefined;
}

/**
 * Change how many agents a member may have, and for how long; or which member. Less takes one person; more, or another member,
 * takes the quorum of the authority above. Agents that live already live on to their end, however few are allowed now.
 * @throws Refusal not_found, wrong_state, invalid_request, version_conflict
 */
export async function changeAgentLimits(
  call: Call<AgentAuthority>,
  slug: string,
  { limits, member, version }: AgentLimitsChange,
  seen: Seen = {},
): Promise<AgentAuthority> {
  allow(call, 'administer', slug);
  const { db } = call.store;
  const { row, superior } = await showAgentAuthority(call, slug);
  allow(call, 'administer', superior);
  return change<AgentAuthority>(call, {
    authorityId: row.id,
    scope: null,
    async decide() {
      const shown = await showAgentAuthority(call, slug);
      const { row: before } = shown;
      expectVersion(before, version);
      const [was, is] = [limitsOf(before), { ...limitsOf(before), ...limits }];
      expectLimits(is);
      const above = await findAuthority(db, superior);
      const holder = member === undefined ? shown.holder : await findMember(db, above.id, member);
      const other = holder !== undefined && holder.id !== before.agentsBy;
      if (other) {
        expectSuccessor(holder, shown);
        const theirs = await agentAuthorityOf(db, holder.id, call.now());
        if (theirs) throw new Refusal('already_exists', `${holder.entityId} has the authority ${theirs.row.slug} for its agents`);
      }
      const widens = [...limitsWidened(was, is), ...(other ? ['member'] : [])];
      const words = { ...limitsInWords(is), ...(other && { member: holder.entityId }) };
      if (!other && JSON.stringify(was) === JSON.stringify(is)) return { events: [], statements: [], result: shown };
      const two = widens.length > 0 && above.quorum > 1;
      const agreed = await consent(call, two ? above.quorum : 1, {
        kind: 'agents',
        subjectId: row.id,
        authority: before,
        chain: row.id,
        permission: 'administer',
        content: { authority: slug, widens, from: keptInWords(before), to: words },
        request: words,
        seen: seen.digest,
        note: seen.note,
      });
      if (agreed.held) return agreed.held;
      const set = {
        agentsBy: holder?.id ?? before.agentsBy,
        agentsLiving: is.living,
        agentsPerDay: is.perDay,
        agentsLife: is.life,
        updatedAt: call.now(),
        v: before.v + 1,
      };
      return {
        events: [
          {
            type: 'agent_authority.changed',
            subjectKind: 'authority',
            subjectId: row.id,
            detail: { from: limitsInWords(was), to: words, ...(widens.length > 0 && { widens, ...agreed.detail }) },
          },
        ],
        statements: [
          ...agreed.statements,
          // That one person is enough stands in the row above, in another chain.
          ...(widens.length > 0 && !two ? [whileOneDecides(row.id, above.id)] : []),
          db.update(authority).set(set).where(eq(authority.id, row.id)),
        ],
        result: { ...shown, row: { ...before, ...set }, holder },
      };
    },
  });
}

/** @throws Refusal wrong_state */
function expectSuccessor(next: MemberRow, { row, membership }: AgentAuthority): void {
  if (next.state !== 'active') throw new Refusal('wrong_state', `${next.entityId} is ${next.state}; only a member in force has agents`);
  if (next.organizationId === null || next.organizationId !== membership?.organizationId)
    throw new Refusal('wrong_state', `${next.entityId} is of another organization than ${row.entityId}, which its agents are cut with`);
}
