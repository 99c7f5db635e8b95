import { and, eq } from 'drizzle-orm';
import type { Database, Statement } from '../../store/database.js';
import { inLot } from '../../store/lots.js';
import { whileNoneCompromised } from '../../store/guards.js';
import { authorityKey } from '../../store/schema.js';
import { Refusal } from '../refusal.js';

/** What was called compromised here is nobody's key, whoever had it in a file. @throws Refusal invalid_request */
export async function expectNotCompromised(db: Database, thumbprints: readonly string[], but: string): Promise<void> {
  const [found] = await db
    .select({ kid: authorityKey.kid })
    .from(authorityKey)
    .where(and(eq(authorityKey.revokedReason, 'compromised'), inLot(authorityKey.kid, JSON.stringify(thumbprints))))
    .limit(1);
  if (found) throw new Refusal('invalid_request', `the key ${found.kid} was called compromised by an authority of this deployment; ${but}`);
}

/**
 * The same, asked again in the commit: the revocation stands in the chain of another authority. It looks the other way round
 * for who has the key (remove-everywhere.ts), so whichever comes second sees the first.
 * @param authorityId in whose chain the keys are written
 */
export const whileNotCompromised = (authorityId: string, thumbprints: readonly string[]): readonly Statement[] =>
  thumbprints.length === 0 ? [] : [whileNoneCompromised(authorityId, thumbprints)];
