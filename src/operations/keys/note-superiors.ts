import { eq } from 'drizzle-orm';
import { authorityKey } from '../../store/schema.js';
import type { Call } from '../call.js';
import { Refusal } from '../refusal.js';
import { authorityKeys, findAuthority } from '../registry.js';

/**
 * Look which staged keys the superiors' statements list (KR-03). A key is ready once a statement that lists it has been
 * out for its whole lifetime: then no older statement, without the key, is valid any more.
 */
export async function noteSuperiors(call: Call, slug: string): Promise<void> {
  const { db } = call.store;
  const row = await findAuthority(db, slug);
  const readyAt = new Map<string, number>();
  for (const hint of row.authorityHints) {
    const listed = await call.explorer.ask('listedKeys', { superior: hint, subject: row.entityId }).catch(unavailable);
    for (const key of await authorityKeys(db, row.id)) {
      // The last statement without it can have been signed just now: it has ended one lifetime from now.
      const at = listed?.kids.includes(key.kid) ? call.now() + listed.lifetime : Number.POSITIVE_INFINITY;
      readyAt.set(key.kid, Math.max(readyAt.get(key.kid) ?? 0, at));
    }
  }
  const noted = (await authorityKeys(db, row.id)).filter(
    ({ kid, state, superiorReadyAt }) => state === 'staged' && superiorReadyAt === null && Number.isFinite(readyAt.get(kid)),
  );
  if (noted.length)
    await call.store.write(
      noted.map(({ id, kid }) =>
        db
          .update(authorityKey)
          .set({ superiorReadyAt: readyAt.get(kid) ?? null })
          .where(eq(authorityKey.id, id)),
      ),
    );
}

/** Not being able to ask is like a superior that does not answer: the key waits. */
const unavailable = (error: unknown): undefined => {
  if (!(error instanceof Refusal && error.code === 'temporarily_unavailable')) throw error;
};
