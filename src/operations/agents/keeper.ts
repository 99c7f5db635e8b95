import type { Call, Deployment } from '../call.js';
import { Refusal } from '../refusal.js';
import type { AuthorityRow, MemberRow } from '../registry.js';
import { agentAuthorityOf } from '../../store/agent-authorities.js';

/** A member that keeps agents, and the authority in which it does. */
export interface Keeper<in T = never> {
  readonly call: Call<T>;
  readonly holder: MemberRow;
  readonly authority: AuthorityRow;
}

/** @throws Refusal not_found */
export function noneHere(): never {
  throw new Refusal('not_found', 'you have no authority for agents here: ask whoever runs this one for it');
}

/**
 * The call of a member in the authority for its agents: what it may there it may nowhere else. Who it is was proven by its key.
 * @throws Refusal not_found, wrong_state
 */
export async function keeperOf<T>(deployment: Deployment, holder: MemberRow): Promise<Keeper<T>> {
  const found = await agentAuthorityOf(deployment.store.db, holder.id, deployment.now());
  const { row: authority } = found ?? noneHere();
  const call: Call<T> = { ...deployment, actor: { id: holder.id, kind: 'member' }, role: 'agent_keeper', authorities: [authority.slug] };
  return { call, holder, authority };
}

/** Whoever asks for more is asked again who it is and whether all above it stands, in the commit. @throws Refusal wrong_state */
export async function expectKept({ call, holder, authority }: Keeper): Promise<AuthorityRow> {
  const found = await agentAuthorityOf(call.store.db, holder.id, call.now());
  if (!found || found.row.id !== authority.id) throw new Refusal('wrong_state', 'another member keeps these agents by now');
  if (!found.stands) throw new Refusal('wrong_state', `the authority ${authority.entityId}, or what is above it, is not in force: no agent of it is served`);
  return found.row;
}
