import { and, asc, eq, gt, or } from 'drizzle-orm';
import { putArtefacts } from '../../store/bulk.js';
import { artefact, member } from '../../store/schema.js';
import { hostedArtefact } from '../members/hosted-artefact.js';
import { thumbprintsOf } from '../members/key-binding.js';
import { type Moved, moveMember } from '../members/move-member.js';
import { rewrite } from '../members/rewrite-member.js';
import { type Page, type PageRequest, page } from '../read.js';
import { Refusal } from '../refusal.js';
import type { AuthorityRow, MemberRow } from '../registry.js';
import { agentAuthorityOf, countAgents, whileStanding } from '../../store/agent-authorities.js';
import { type AgentConfiguration, readAgentConfiguration } from './agent-configuration.js';
import { expectOwnKeys, keysOf } from './agent-keys.js';
import { limitsOf } from './agent-limits.js';
import { agentIdOf } from './agent-name.js';
import { type Agent, endOf } from './create-agent.js';
import { expectKept, type Keeper, noneHere } from './keeper.js';

/** An agent of the member, by our id or by its name. Those of others are nobody. @throws Refusal not_found */
export async function findAgent({ call, authority }: Keeper, idOrName: string): Promise<Agent> {
  const isId = /^mem_[0-9a-z]{26}$/.test(idOrName);
  const none = new Refusal('not_found', 'you have no such agent');
  const entityId = isId
    ? ''
    : await Promise.resolve(idOrName)
        .then((name) => agentIdOf(authority, name))
        .catch(() => Promise.reject(none));
  const [row] = await call.store.db
    .select()
    .from(member)
    .where(and(eq(member.authorityId, authority.id), or(eq(member.id, idOrName), eq(member.entityId, entityId))))
    .limit(1);
  if (!row) throw none;
  return { row, authority };
}

/** A page of the agents of a member, and how many there may be. */
export interface KeptAgents {
  readonly page: Page<Agent>;
  readonly authority: AuthorityRow;
  readonly stands: boolean;
  readonly living: number;
  readonly made: number;
}

/** The agents of the member, those that have ended too, by identifier. */
export async function listAgents({ call, holder }: Keeper, { limit, cursor }: PageRequest): Promise<KeptAgents> {
  const { db } = call.store;
  const { row: authority, stands } = (await agentAuthorityOf(db, holder.id, call.now())) ?? noneHere();
  const rows = await db
    .select()
    .from(member)
    .where(and(eq(member.authorityId, authority.id), cursor === undefined ? undefined : gt(member.entityId, cursor)))
    .orderBy(asc(member.entityId))
    .limit(limit + 1);
  const { items, next } = page(rows, limit, ({ entityId }) => entityId);
  return { page: { items: items.map((row) => ({ row, authority })), next }, authority, stands, ...(await countAgents(db, authority.id, call.now())) };
}

/** An agent that is done: gone with this commit, and its name and keys are nobody's again. @throws Refusal not_found */
export async function retireAgent(keeper: Keeper<Moved>, idOrName: string, reason: string | undefined): Promise<Moved> {
  const { row } = await findAgent(keeper as Keeper, idOrName);
  return moveMember(keeper.call, keeper.authority.slug, row.id, 'revoke', { reason: reason ?? 'retired by its organization', reasonCode: 'own_request' });
}

export interface Renewal {
  /** Seconds from now; left out: as long as agents live here at most. */
  readonly life?: number | undefined;
  /** A configuration that it signed for that time; with the keys that it has. */
  readonly entityConfiguration?: string | undefined;
}

/**
 * The member says that an agent is still needed, before it ends: it lives for longer, as long from now on as a new one would at
 * most. One that has ended does not come back.
 * @throws Refusal not_found, wrong_state, invalid_request, findings
 */
export async function renewAgent(keeper: Keeper<Agent>, idOrName: string, { life, entityConfiguration }: Renewal): Promise<Agent> {
  const { call } = keeper;
  const authority = await expectKept(keeper as Keeper);
  const { row: found } = await findAgent(keeper as Keeper, idOrName);
  const given = entityConfiguration === undefined ? undefined : await readAgentConfiguration(call, authority.entityId, found.entityId, entityConfiguration);
  return rewrite<Agent>(
    call,
    authority.slug,
    found.id,
    undefined,
    null,
    async (before) => {
      const most = limitsOf(await expectKept(keeper as Keeper)).life;
      expectRenewable(before, call.now());
      if (given) await expectSame(before, given);
      const sound = given ? await expectOwnKeys(call, authority, before.entityId, given, before.id) : [];
      const exp = given?.exp ?? (await hostedEnd(keeper as Keeper, before));
      const validUntil = endOf(call.now(), most, life, { exp });
      const row = { ...before, validUntil };
      return {
        row,
        events: [
          {
            type: 'agent.renewed',
            subjectKind: 'member',
            subjectId: before.id,
            detail: { entity_id: before.entityId, from: before.validUntil, to: validUntil, ...(given && { configuration: true }) },
          },
        ],
        first: [whileStanding(authority.id), ...sound, ...(given ? putArtefacts([await hostedArtefact(row, given.statement)]) : [])],
      };
    },
    (row) => ({ row, authority }),
    given && keysOf(given),
  );
}

/** @throws Refusal wrong_state */
function expectRenewable({ state, validUntil }: MemberRow, now: number): void {
  if (state !== 'active') throw new Refusal('wrong_state', `the agent is ${state === 'revoked' ? 'retired' : state}; make another one`);
  if (validUntil !== null && validUntil <= now) throw new Refusal('wrong_state', 'the agent has ended, and does not come back; make another one');
}

/** Of what it is nobody decides at a renewal: a client would be one that nobody said anything of. @throws Refusal invalid_request */
async function expectSame(before: MemberRow, given: AgentConfiguration): Promise<void> {
  const [bound, shown] = [await thumbprintsOf(before.jwks), await thumbprintsOf(given.jwks)];
  if (bound.length !== shown.length || shown.some((one) => !bound.includes(one)))
    throw new Refusal('invalid_request', 'entity_configuration: it has other keys than the agent; an agent keeps its keys, so make another one');
  const types = new Set(before.entityTypes);
  if (types.size !== given.entityTypes.length || given.entityTypes.some((type) => !types.has(type)))
    throw new Refusal('invalid_request', 'entity_configuration: it is of other types than the agent; an agent stays what it is, so make another one');
}

/** The end of the configuration that is served. @throws Refusal invalid_request */
async function hostedEnd({ call, authority }: Keeper, { entityId }: MemberRow): Promise<number> {
  const [served] = await call.store.db
    .select({ exp: artefact.exp })
    .from(artefact)
    .where(and(eq(artefact.authorityId, authority.id), eq(artefact.kind, 'hosted'), eq(artefact.key, entityId)))
    .limit(1);
  const end = served?.exp ?? undefined;
  if (end === undefined) throw new Refusal('invalid_request', 'entity_configuration: none is served any more; give one that it signed');
  return end;
}
