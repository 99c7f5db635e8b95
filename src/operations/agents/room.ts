import { countAgents, whileRoomForAgents } from '../../store/agent-authorities.js';
import type { Database, Statement } from '../../store/database.js';
import { Refusal } from '../refusal.js';
import type { AuthorityRow, MemberRow } from '../registry.js';
import { limitsOf } from './agent-limits.js';

/** How many there are in an authority for agents, whoever brought them in: the limit is a promise to whoever set it. Grows with what is decided. */
export interface Room {
  living: number;
  made: number;
}

/** Undefined: it is no authority for agents, and nothing limits it. */
export const roomIn = async (db: Database, authority: AuthorityRow, now: number): Promise<Room | undefined> =>
  authority.agentsOf === null ? undefined : { ...(await countAgents(db, authority.id, now)) };

/** For one more. @throws Refusal agents_exhausted */
export function expectRoom(authority: AuthorityRow, room: Room | undefined): void {
  if (!room) return;
  const most = limitsOf(authority);
  const { living, made } = room;
  if (living >= most.living) throw new Refusal('agents_exhausted', `${living} agents live, and ${most.living} may at once; retire some, or ask for more`);
  if (made >= most.perDay) throw new Refusal('agents_exhausted', `${made} agents were made within a day, and ${most.perDay} may be; come again later`);
}

const COUNTED = ['applied', 'vetting', 'approved', 'active', 'suspended'];
/** Somebody who is counted already is not one more. */
export const isCounted = (before: MemberRow | undefined): boolean => before !== undefined && COUNTED.includes(before.state);

/** For the batch that lets so many in, before it does. */
export const whileThereIsRoom = (authority: AuthorityRow, more: number, now: number): readonly Statement[] =>
  authority.agentsOf !== null && more > 0 ? [whileRoomForAgents(authority.id, now, more)] : [];
