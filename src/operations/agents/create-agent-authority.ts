import type { Entitlement } from '../../federation/entry.js';
import { isDomainName } from '../../federation/naming.js';
import { readUrl } from '../../federation/read-url.js';
import { agentAuthorityOf } from '../../store/agent-authorities.js';
import { putPin } from '../../store/anchor-pins.js';
import { readHead } from '../../store/change.js';
import { decideAuthority, prepareAuthority } from '../authorities/new-authority.js';
import { endpointOf } from '../artefacts/publish.js';
import { byChain } from '../by-chain.js';
import { allow, type Call, change, DEPLOYMENT } from '../call.js';
import { decideEnrollment, writeEnrollments } from '../members/enrolling.js';
import { groundOf } from '../members/ground.js';
import { type Enrollment, prepare } from '../members/enrollment.js';
import { Refusal } from '../refusal.js';
import { findAuthority, findMember, findOrganization, type MemberRow } from '../registry.js';
import { type AgentLimits, DEFAULT_LIMITS, expectLimits, limitsInWords } from './agent-limits.js';
import type { AgentAuthority } from './find-agent-authority.js';

export interface NewAgentAuthority {
  /** Whose agents: our id or the entity identifier of a member. */
  readonly member: string;
  /** Of the new authority: its path below the one above. */
  readonly slug: string;
  readonly limits?: Partial<AgentLimits> | undefined;
  /** What agents may ask for at most; left out: what the member may. */
  readonly entitlements?: readonly Entitlement[] | undefined;
  readonly bundles?: readonly string[] | undefined;
  /** For people; left out: the name of the organization. */
  readonly organizationName?: string | undefined;
  /** Seconds, of the statements about agents. */
  readonly statementLifetime?: number | undefined;
  /** Seconds since the epoch: when the authority itself is vouched for no longer. */
  readonly validUntil?: number | undefined;
}

/** Types that an agent may be: what it asks with, and what it answers as. */
export const AGENT_TYPES = ['oauth_client', 'oauth_resource'] as const;
/** Of statements about agents: what comes and goes within days is believed for an hour. */
const STATEMENT_LIFETIME = 3600;

/** What the authority above says of the one for agents: nobody below agents, no other types, nobody but on its own host. */
export function constraintsFor(superior: string): Enrollment['constraints'] {
  const host = readUrl(superior)?.hostname ?? '';
  return {
    // The one for agents lies between; nobody lies below an agent (OpenID Federation 1.0 §6.2.1).
    max_path_length: 1,
    allowed_entity_types: [...AGENT_TYPES],
    ...(isDomainName(host) && { naming_constraints: { permitted: [host] } }),
  };
}

/**
 * Give a member an authority of its own below ours, in which it makes and retires its agents: the authority, its membership here
 * with what limits it, and how many agents there may be, in one commit. With quorum 2 it waits as a member in vetting for the two
 * persons who approve it, and until then there is no agent. Retiring the authority takes it all back.
 * @throws Refusal permission_denied, not_found, already_exists, wrong_state, invalid_request, findings
 */
export async function createAgentAuthority(call: Call<AgentAuthority>, superior: string, asked: NewAgentAuthority): Promise<AgentAuthority> {
  allow(call, 'administer', null);
  allow(call, 'enroll', superior);
  const { db } = call.store;
  const above = await findAuthority(db, superior);
  const limits: AgentLimits = { ...DEFAULT_LIMITS, ...asked.limits };
  expectLimits(limits);
  const found = await expectHolder(call, above.id, asked.member);
  const entityId = endpointOf(above.entityId, asked.slug);
  const prepared = await prepareAuthority(call, {
    slug: asked.slug,
    entityId,
    authorityHints: [above.entityId],
    organizationName: asked.organizationName ?? (await nameOf(call, found)),
    statementLifetime: asked.statementLifetime ?? STATEMENT_LIFETIME,
    // Its keys change without anyone of ours or of theirs.
    keyRotation: KEY_ROTATION,
  });
  const [{ seq: since }, { seq: haltedSince }] = [await readHead(db, above.id), await readHead(db, DEPLOYMENT)];
  const enrolling = await prepare(
    call,
    above,
    {
      entityId,
      jwks: { keys: [prepared.key.jwk] },
      organization: found.organizationId ?? undefined,
      intermediate: true,
      constraints: constraintsFor(above.entityId),
      ...ceilingOf(asked, found),
      ...(asked.validUntil !== undefined && { validUntil: asked.validUntil }),
      ...(found.sponsor && { sponsor: found.sponsor, reattestBy: found.reattestBy }),
      activate: above.quorum < 2,
    },
    false,
  );
  return change<AgentAuthority>(call, {
    authorityId: above.id,
    scope: null,
    about: found.entityId,
    async decide(watch) {
      const authority = await findAuthority(db, superior);
      if (authority.agentsOf !== null) throw new Refusal('wrong_state', `${superior} is for agents itself; nothing is below those`);
      const holder = await expectHolder(call, above.id, found.id);
      const other = await agentAuthorityOf(db, holder.id, call.now());
      if (other) throw new Refusal('already_exists', `${holder.entityId} has the authority ${other.row.slug} for its agents`);
      await watch(prepared.id);
      const ground = await groundOf(call, authority, [enrolling], since, haltedSince);
      const enrolled = await decideEnrollment(call, ground, enrolling);
      const written = await writeEnrollments(call, ground, [enrolled]);
      const membership = written.rows[0] as MemberRow;
      const agents = { agentsOf: above.id, agentsAs: membership.id, agentsBy: holder.id };
      const made = await decideAuthority(call, prepared, {
        ...agents,
        agentsLiving: limits.living,
        agentsPerDay: limits.perDay,
        agentsLife: limits.life,
      });
      const told = { entity_id: entityId, member: holder.entityId, ...limitsInWords(limits) };
      return {
        ...byChain(above.id, [
          {
            authorityId: above.id,
            events: [...written.events, { type: 'agent_authority.created', subjectKind: 'authority' as const, subjectId: prepared.id, detail: told }],
          },
          { authorityId: prepared.id, events: [{ ...made.event, detail: { ...made.event.detail, agents_of: above.entityId, ...limitsInWords(limits) } }] },
        ]),
        statements: [
          ...made.statements,
          ...written.statements,
          putPin({ authorityId: prepared.id, entityId: above.entityId, jwks: null, note: null, createdBy: call.actor.id, createdAt: call.now() }),
        ],
        result: { row: made.row, superior, membership, holder, stands: membership.state === 'active', living: 0, made: 0 },
      };
    },
  });
}

/** Seconds. */
const KEY_ROTATION = 90 * 86_400;

/** Whoever is in force and somebody's: agents are cut with the organization. @throws Refusal wrong_state */
async function expectHolder({ store: { db } }: Call, authorityId: string, id: string): Promise<MemberRow> {
  const row = await findMember(db, authorityId, id);
  if (row.state !== 'active') throw new Refusal('wrong_state', `${row.entityId} is ${row.state}; only a member in force has agents`);
  if (row.organizationId === null)
    throw new Refusal('wrong_state', `${row.entityId} has no organization, which its agents are to be cut with: holdfast member change --organization`);
  return row;
}

async function nameOf({ store: { db } }: Call, { authorityId, organizationId }: MemberRow): Promise<string | undefined> {
  return organizationId === null ? undefined : (await findOrganization(db, authorityId, organizationId))?.legalName;
}

/** What its agents may ask for at most. @throws Refusal invalid_request where nothing would limit it */
function ceilingOf({ entitlements, bundles }: NewAgentAuthority, holder: MemberRow): Pick<Enrollment, 'entitlements' | 'bundles'> {
  const own = entitlements !== undefined || bundles !== undefined ? { entitlements: entitlements ?? null, bundles: bundles ?? [] } : holder;
  if (own.entitlements === null && own.bundles.length === 0)
    throw new Refusal('invalid_request', `nothing limits ${holder.entityId}: say what its agents may ask for at most (scopes, entitlements or bundles)`);
  return { entitlements: own.entitlements, bundles: own.bundles };
}
