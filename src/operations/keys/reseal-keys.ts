import { eq } from 'drizzle-orm';
import type { CryptoKey } from 'jose';
import { seal, unseal } from '../../keys/seal.js';
import type { NewEvent } from '../../store/event.js';
import { whileNoOtherKeys } from '../../store/guards.js';
import { auditKey, authority, authorityKey } from '../../store/schema.js';
import type { Store } from '../../store/store.js';
import { DEPLOYMENT } from '../call.js';

/**
 * Seal every private key, former ones included, under another key: all of them in one commit, with an event in each chain.
 * @returns how many were sealed anew; 0 when all are under the new key already
 * @throws Error when a key opens with neither
 */
export function resealKeys(store: Pick<Store, 'db' | 'change'>, from: CryptoKey, to: CryptoKey): Promise<number> {
  const { db } = store;
  return store.change({
    authorityId: DEPLOYMENT,
    scope: null,
    actor: { id: 'system', kind: 'system' },
    async decide(watch) {
      const authorities = await db.select({ id: authority.id }).from(authority);
      for (const { id } of authorities) await watch(id);
      const sealedIn = (table: typeof authorityKey | typeof auditKey) =>
        db.select({ id: table.id, sealed: table.sealed, authorityId: table.authorityId }).from(table);
      const [keys, audit] = [await sealedIn(authorityKey), await sealedIn(auditKey)];
      const changed: { readonly id: string; readonly authorityId: string; readonly sealed: string }[] = [];
      for (const { id, authorityId, sealed } of [...keys, ...audit]) {
        const open = await unseal(to, id, sealed).then(
          () => true,
          () => false,
        );
        if (!open) changed.push({ id, authorityId, sealed: await seal(to, id, await unseal(from, id, sealed)) });
      }
      if (changed.length === 0) return { events: [], statements: [], result: 0 };
      const rotated = (own: typeof changed): NewEvent => ({
        type: 'seal_key.rotated',
        subjectKind: 'deployment',
        subjectId: DEPLOYMENT,
        detail: { keys: own.length },
      });
      return {
        events: [rotated(changed)],
        elsewhere: authorities.map(({ id }) => ({ authorityId: id, events: [rotated(changed.filter(({ authorityId }) => authorityId === id))] })),
        statements: [
          // Of an authority that is made meanwhile no chain was watched.
          whileNoOtherKeys(
            DEPLOYMENT,
            keys.map(({ id }) => id),
          ),
          ...changed.flatMap(({ id, sealed }) => [authorityKey, auditKey].map((table) => db.update(table).set({ sealed }).where(eq(table.id, id)))),
        ],
        result: changed.length,
      };
    },
  });
}
