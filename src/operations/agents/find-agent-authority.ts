import { asc, eq, isNotNull } from 'drizzle-orm';
import { countAgents, ends, standing } from '../../store/agent-authorities.js';
import { authority, member } from '../../store/schema.js';
import { allow, type Call } from '../call.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, findAuthority, type MemberRow } from '../registry.js';

/** An authority for the agents of a member, with what is above it. */
export interface AgentAuthority {
  readonly row: AuthorityRow;
  /** Slug of the authority above. */
  readonly superior: string;
  /** Its own row as a member there; undefined: it is gone. */
  readonly membership: MemberRow | undefined;
  /** The member that makes and retires agents. */
  readonly holder: MemberRow | undefined;
  /** It is active, and so is all that it rests on; else nothing of it, and no agent, is served. */
  readonly stands: boolean;
  readonly living: number;
  /** Made within the last day. */
  readonly made: number;
}

async function whole({ store: { db }, now }: Call, row: AuthorityRow, stands: boolean, superior: string): Promise<AgentAuthority> {
  const memberOf = async (id: string | null) => (id === null ? undefined : (await db.select().from(member).where(eq(member.id, id)).limit(1))[0]);
  return {
    row,
    superior,
    membership: await memberOf(row.agentsAs),
    holder: await memberOf(row.agentsBy),
    stands: stands && row.state === 'active',
    ...(await countAgents(db, row.id, now())),
  };
}

const standsAt = ({ now }: Call, { stands, until }: { readonly stands: number; readonly until: number }): boolean =>
  Number(stands) === 1 && Number(until) > now();

/** @throws Refusal not_found, permission_denied */
export async function showAgentAuthority(call: Call, slug: string): Promise<AgentAuthority> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const [found] = await db.select({ row: authority, stands: standing, until: ends }).from(authority).where(eq(authority.slug, slug)).limit(1);
  const [above] = found?.row.agentsOf ? await db.select({ slug: authority.slug }).from(authority).where(eq(authority.id, found.row.agentsOf)).limit(1) : [];
  if (!found || !above) throw new Refusal('not_found', `there is no authority ${slug.slice(0, 60)} that is for agents`);
  return whole(call, found.row, standsAt(call, found), above.slug);
}

/** All of them below an authority, retired ones too. There are as many as organizations that have one. */
export async function listAgentAuthorities(call: Call, superior: string): Promise<readonly AgentAuthority[]> {
  allow(call, 'read', superior);
  const { db } = call.store;
  const above = await findAuthority(db, superior);
  const rows = await db
    .select({ row: authority, stands: standing, until: ends })
    .from(authority)
    .where(isNotNull(authority.agentsOf))
    .orderBy(asc(authority.slug));
  const below = rows.filter(({ row }) => row.agentsOf === above.id);
  return Promise.all(below.map((one) => whole(call, one.row, standsAt(call, one), superior)));
}
