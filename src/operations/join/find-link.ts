import { and, eq } from 'drizzle-orm';
import type { JoinLinkRow } from '../../store/applications.js';
import type { Database } from '../../store/database.js';
import { joinLink } from '../../store/schema.js';
import { Refusal } from '../refusal.js';

export type LinkState = 'open' | 'used_up' | 'expired' | 'ended';

export const linkState = ({ endedAt, expiresAt, used, maxUses }: JoinLinkRow, now: number): LinkState =>
  endedAt !== null ? 'ended' : expiresAt <= now ? 'expired' : used >= maxUses ? 'used_up' : 'open';

/** @param authorityId undefined: whose it is says the link */
export async function findLink(db: Database, authorityId: string | undefined, id: string): Promise<JoinLinkRow> {
  const [row] = await db
    .select()
    .from(joinLink)
    .where(and(eq(joinLink.id, id), authorityId === undefined ? undefined : eq(joinLink.authorityId, authorityId)))
    .limit(1);
  if (!row) throw new Refusal('not_found', 'there is no such join link');
  return row;
}

const WHY: Readonly<Record<Exclude<LinkState, 'open'>, string>> = {
  ended: 'it was ended',
  expired: 'its time is over',
  used_up: 'as many as may have applied by it',
};

/** @throws Refusal join_link_ended */
export function expectOpen(row: JoinLinkRow, now: number): void {
  const state = linkState(row, now);
  if (state !== 'open') throw new Refusal('join_link_ended', `nobody applies by this link any more: ${WHY[state]}. Ask whoever gave it to you for another one`);
}
