import { eq, ne } from 'drizzle-orm';
import type { JwkSet } from '../../federation/entry.js';
import type { Database } from '../../store/database.js';
import { anchorPin, authority, authorityKey, memberKey } from '../../store/schema.js';
import { ownerThumbprints } from './owner-keys.js';
import { split } from './gone-key.js';

/** Somebody who has a key that was called compromised. */
export interface Carrier {
  readonly authorityId: string;
  readonly kid: string;
  readonly where: string;
}

/**
 * Who still has a key that an authority of this deployment called compromised: members, pinned Trust Anchors, owners of types
 * of Trust Marks. A revocation takes it from all of them, and nobody is given it afterwards; but an earlier version took it
 * from members alone.
 * @param kids only these; each key of ours is named by its thumbprint
 */
export async function stillCarried(db: Database, kids?: readonly string[]): Promise<readonly Carrier[]> {
  const gone = new Set(
    kids ?? (await db.select({ kid: authorityKey.kid }).from(authorityKey).where(eq(authorityKey.revokedReason, 'compromised'))).map(({ kid }) => kid),
  );
  if (gone.size === 0) return [];
  const found: Carrier[] = [];
  for (const kid of gone) {
    const members = await db
      .select({ id: memberKey.memberId, authorityId: memberKey.authorityId })
      .from(memberKey)
      .where(eq(memberKey.thumbprint, kid))
      .limit(TOLD);
    found.push(...members.map(({ id, authorityId }) => ({ authorityId, kid, where: `member ${id}` })));
  }
  for (const { authorityId, entityId, jwks } of await db.select().from(anchorPin))
    for (const kid of gone) if ((await split(jwks as JwkSet, kid))?.gone.length) found.push({ authorityId, kid, where: `pinned anchor ${entityId}` });
  for (const { id, claims } of await db.select({ id: authority.id, claims: authority.claims }).from(authority).where(ne(authority.state, 'retired')))
    for (const kid of await ownerThumbprints(claims)) if (gone.has(kid)) found.push({ authorityId: id, kid, where: 'trust_mark_owners' });
  return found;
}

/** Of one key. */
const TOLD = 100;
