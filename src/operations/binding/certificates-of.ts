import { eq } from 'drizzle-orm';
import type { PublicJwk } from '../../federation/entry.js';
import { certificateFaults } from '../../keys/certificates.js';
import { authority } from '../../store/schema.js';
import type { Call } from '../call.js';
import { asErrors, type Judged } from '../judged.js';

/** What is wrong with the certificates of keys that are to be bound, under the roots of their authority. */
export async function certificatesOf({ store: { db }, now }: Call, authorityId: string, keys: readonly PublicJwk[]): Promise<readonly Judged[]> {
  const [row] = await db.select({ roots: authority.certificateRoots }).from(authority).where(eq(authority.id, authorityId)).limit(1);
  return asErrors(await certificateFaults(keys, row?.roots ?? null, now()));
}
