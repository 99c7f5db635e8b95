import { and, eq, gt, isNull, or } from 'drizzle-orm';
import { artefact } from '../../store/schema.js';
import { allow, type Call } from '../call.js';
import { Refusal } from '../refusal.js';
import { type AuthorityKeyRow, findAuthority } from '../registry.js';
import { changeKeys, pick, swap } from './change-keys.js';

/**
 * Take a retiring key out of the configuration. It waits until nothing it signed can still be in anyone's hands.
 * @throws Refusal key_not_ready, wrong_state
 */
export async function retireKey(call: Call, slug: string, kid: string): Promise<AuthorityKeyRow> {
  allow(call, 'keys', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  return changeKeys(call, slug, id, async (keys, row) => {
    const before = pick(keys, kid);
    if (before.state === 'historical') return before;
    if (before.state !== 'retiring') throw new Refusal('wrong_state', `a key that is ${before.state} cannot be retired; activate another one first`);
    const now = call.now();
    const until = (before.retiringAt ?? now) + Math.max(row.configurationLifetime, row.statementLifetime);
    if (now < until) throw new Refusal('key_not_ready', `statements it signed are valid for another ${until - now} s`);
    const [left] = await db
      .select({ id: artefact.id })
      .from(artefact)
      .where(and(eq(artefact.authorityId, id), eq(artefact.kid, kid), or(gt(artefact.exp, now), isNull(artefact.exp))))
      .limit(1);
    if (left) throw new Refusal('key_not_ready', 'artefacts it signed are still published; the renewal has not reached them');
    const key: AuthorityKeyRow = { ...before, state: 'historical', endedAt: now };
    return { keys: swap(keys, key), key, event: 'key.retired' };
  });
}
