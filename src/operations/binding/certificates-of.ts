import { eq } from 'drizzle-orm';
import type { Finding, JwkSet, PublicJwk } from '../../federation/entry.js';
import { sameKey } from '../../federation/jwk-set.js';
import { areCertified, bareBeside, certificateFaults, keysUntil } from '../../keys/certificates.js';
import type { Database } from '../../store/database.js';
import { authority } from '../../store/schema.js';
import type { Call } from '../call.js';
import { asErrors, type Judged } from '../judged.js';
import type { MemberRow } from '../registry.js';

/** What is wrong with the certificates of keys that are to be bound, under the roots of their authority. */
export async function certificatesOf({ store: { db }, now }: Call, authorityId: string, keys: readonly PublicJwk[]): Promise<readonly Judged[]> {
  return asErrors(await certificateFaults(keys, await rootsAt(db, authorityId), now()));
}

const rootsAt = async (db: Database, authorityId: string): Promise<string | null> =>
  (await db.select({ roots: authority.certificateRoots }).from(authority).where(eq(authority.id, authorityId)).limit(1))[0]?.roots ?? null;

/** When certificates of a member's keys end, or the root that they lead to. Asks the store only where there are any. */
export const certifiedEnd = async (db: Database, { authorityId, jwks }: Pick<MemberRow, 'authorityId' | 'jwks'>): Promise<number | null> =>
  areCertified(jwks) ? keysUntil(jwks, await rootsAt(db, authorityId)) : null;

/**
 * A member follows its own keys from one to the next, but not from those that a root has certified to one that nobody has: that
 * takes a person.
 */
export const bareKeys = async (db: Database, { authorityId, jwks }: Pick<MemberRow, 'authorityId' | 'jwks'>, fresh: JwkSet): Promise<readonly Finding[]> =>
  areCertified(jwks)
    ? bareBeside(
        jwks,
        fresh.keys.filter((key) => !jwks.keys.some((bound) => sameKey(bound, key))),
        await rootsAt(db, authorityId),
      )
    : [];
