import { and, eq } from 'drizzle-orm';
import type { Entitlement } from '../../federation/entry.js';
import { whileStanding } from '../../store/agent-authorities.js';
import { readHead } from '../../store/change.js';
import { member, type Sponsor } from '../../store/schema.js';
import { change, DEPLOYMENT } from '../call.js';
import { expectList } from '../entitlements/check-entitled.js';
import { decideEnrollment, writeEnrollments } from '../members/enrolling.js';
import { groundOf } from '../members/ground.js';
import { prepare } from '../members/enrollment.js';
import { apartByKeys } from '../members/key-binding.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, findOrganization, type MemberRow } from '../registry.js';
import { type AgentConfiguration, readAgentConfiguration } from './agent-configuration.js';
import { expectOwnKeys, keysOf } from './agent-keys.js';
import { limitsOf } from './agent-limits.js';
import { expectRoom, roomIn } from './room.js';
import { agentIdOf } from './agent-name.js';
import { ceilingOf, withinCeiling } from './ceiling.js';
import { expectKept, type Keeper } from './keeper.js';

export interface NewAgent {
  /** Its path below the authority. */
  readonly name: string;
  /** The Entity Configuration that it signed; its keys and types stand in it. */
  readonly entityConfiguration: string;
  /** What it may ask for, of what agents here may have; for a client at least something. */
  readonly entitlements?: readonly Entitlement[] | undefined;
  /** Seconds from now; left out: as long as agents live here at most. It ends with its configuration in any case. */
  readonly life?: number | undefined;
  readonly sponsor?: Sponsor | undefined;
}

/** An agent, and the authority that vouches for it. */
export interface Agent {
  readonly row: MemberRow;
  readonly authority: AuthorityRow;
}

/**
 * A member makes an agent of its own: an entity below the authority for its agents, in force at once and until its end, with the
 * configuration that it signed served here. No one of ours decides; what it may at most was decided above.
 * @throws Refusal invalid_request, findings, already_exists, wrong_state
 */
export async function createAgent(keeper: Keeper<Agent>, asked: NewAgent): Promise<Agent> {
  const { call, holder } = keeper;
  const { db } = call.store;
  const authority = await expectKept(keeper as Keeper);
  const entityId = agentIdOf(authority, asked.name);
  const given = await readAgentConfiguration(call, authority.entityId, entityId, asked.entityConfiguration);
  const validUntil = endOf(call.now(), limitsOf(authority).life, asked.life, given);
  const entitlements = await entitledOf(keeper as Keeper, authority, given, asked.entitlements);
  const [{ seq: since }, { seq: haltedSince }] = [await readHead(db, authority.id), await readHead(db, DEPLOYMENT)];
  const prepared = await prepare(
    call,
    authority,
    {
      entityId,
      jwks: given.jwks,
      entityTypes: given.entityTypes,
      organization: holder.organizationId === null ? undefined : (await findOrganization(db, holder.authorityId, holder.organizationId))?.legalName,
      hostedConfiguration: given.compact,
      shownBy: { method: 'operator', reason: 'it lies below the identifier of this authority' },
      entitlements,
      validUntil,
      ...(asked.sponsor && { sponsor: asked.sponsor }),
      activate: true,
    },
    false,
  );
  return change<Agent>(call, {
    authorityId: authority.id,
    scope: entityId,
    apart: await apartByKeys(...keysOf(given)),
    async decide() {
      const now = await expectKept(keeper as Keeper);
      await expectNewName(keeper as Keeper, entityId, asked.name);
      // Before anything is looked at that costs more.
      expectRoom(now, await roomIn(db, now, call.now()));
      const sound = await expectOwnKeys(call, now, entityId, given);
      const ground = await groundOf(call, now, [prepared], since, haltedSince);
      const enrolled = await decideEnrollment(call, ground, prepared);
      const { rows, events, statements } = await writeEnrollments(call, ground, [enrolled]);
      const last = events.length - 1;
      return {
        events: events.map((one, n) => (n === last ? { ...one, detail: { ...one.detail, agent_of: holder.entityId, valid_until: validUntil } } : one)),
        statements: [whileStanding(now.id), ...sound, ...statements],
        result: { row: rows[0] as MemberRow, authority: now },
      };
    },
  });
}

/** When an agent ends. @throws Refusal invalid_request */
export function endOf(now: number, most: number, life: number | undefined, { exp }: Pick<AgentConfiguration, 'exp'>): number {
  if (life !== undefined && life > most) throw new Refusal('invalid_request', `life: an agent here lives ${most} seconds at most; make it renewed then`);
  return Math.min(now + (life ?? most), exp);
}

/** @throws Refusal invalid_request, findings */
async function entitledOf({ call }: Keeper, authority: AuthorityRow, { entityTypes }: AgentConfiguration, asked: NewAgent['entitlements']) {
  if (!entityTypes.includes('oauth_client')) {
    if (asked?.length) throw new Refusal('invalid_request', 'entitlements: only a client has some, and its configuration declares none');
    return undefined;
  }
  if (!asked?.length) throw new Refusal('invalid_request', 'entitlements: say what the agent may ask for (scopes or entitlements), as little as it needs');
  return expectList(withinCeiling(expectList(asked), await ceilingOf(call.store.db, authority)));
}

/** A name is given once, whatever became of who had it. @throws Refusal already_exists */
async function expectNewName({ call, authority }: Keeper, entityId: string, name: string): Promise<void> {
  const [before] = await call.store.db
    .select({ state: member.state })
    .from(member)
    .where(and(eq(member.authorityId, authority.id), eq(member.entityId, entityId)))
    .limit(1);
  if (before)
    throw new Refusal('already_exists', `there ${before.state === 'active' ? 'is' : 'was'} an agent ${name}; a name is given once, so choose another`);
}
