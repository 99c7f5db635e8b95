import { and, eq, gt, inArray } from 'drizzle-orm';
import { holdsText } from '../../store/conditions.js';
import { member, memberKey } from '../../store/schema.js';
import type { Call } from '../call.js';
import { indexedTo } from '../members/index-members.js';
import type { MemberRow } from '../registry.js';
import { type GoneKey, split } from './gone-key.js';

/** Members that list a key, under whatever `kid`: by the index, and by their text where an earlier version wrote rows that are not in it. */
export async function membersWith(call: Call, { thumbprint, text }: Pick<GoneKey, 'thumbprint' | 'text'>): Promise<readonly MemberRow[]> {
  const { db } = call.store;
  const after = await indexedTo(db);
  const bound = db.select({ id: memberKey.memberId }).from(memberKey).where(eq(memberKey.thumbprint, thumbprint));
  const rows = await db.select().from(member).where(inArray(member.id, bound));
  if (after === undefined) return rows;
  const unread = await db
    .select()
    .from(member)
    .where(and(gt(member.id, after), holdsText(member.jwks, text)));
  const known = new Set(rows.map(({ id }) => id));
  const carrying = await Promise.all(unread.map(async ({ jwks }) => ((await split(jwks, thumbprint))?.gone.length ?? 1) > 0));
  return [...rows, ...unread.filter(({ id }, n) => !known.has(id) && carrying[n])];
}
