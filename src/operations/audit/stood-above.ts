import { and, desc, eq, gt, inArray, lte } from 'drizzle-orm';
import { decidedLast } from '../../store/registration-events.js';
import { event, member } from '../../store/schema.js';
import type { Call } from '../call.js';
import { endOfMember } from '../members/member-end.js';
import type { AuthorityRow } from '../registry.js';

const STOPS = ['authority.halted', 'authority.retired', 'authority.resumed'];

/** Did what is above an authority for agents stand at a moment? `unknown` where the events leave it open. */
export async function stoodAbove({ store: { db } }: Call, authority: AuthorityRow, time: number): Promise<'yes' | 'no' | 'unknown'> {
  const { id, agentsOf, agentsAs, agentsBy } = authority;
  if (agentsOf === null) return 'yes';
  const [stop] = await db
    .select({ type: event.type })
    .from(event)
    .where(and(eq(event.authorityId, agentsOf), inArray(event.type, STOPS), lte(event.at, time)))
    .orderBy(desc(event.seq))
    .limit(1);
  if (stop !== undefined && stop.type !== 'authority.resumed') return 'no';
  const rows = await db
    .select()
    .from(member)
    .where(inArray(member.id, [agentsAs ?? '', agentsBy ?? '']));
  const stood = await Promise.all(rows.map(({ entityId }) => decidedLast(db, agentsOf, entityId, time)));
  if (rows.length === 0 || stood.some((one) => one !== 'registration')) return 'no';
  if (rows.some((row) => (endOfMember(row) ?? Number.POSITIVE_INFINITY) <= time)) return 'unknown';
  // Another member may have kept them then.
  const [later] = await db
    .select({ seq: event.seq })
    .from(event)
    .where(and(eq(event.authorityId, id), eq(event.type, 'agent_authority.changed'), gt(event.at, time)))
    .limit(1);
  return later ? 'unknown' : 'yes';
}
