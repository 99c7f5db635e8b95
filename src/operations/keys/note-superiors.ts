import { and, eq, isNull } from 'drizzle-orm';
import { authority, authorityKey } from '../../store/schema.js';
import { type Call, change, type Deployment, systemCall } from '../call.js';
import { Refusal } from '../refusal.js';
import { type AuthorityKeyRow, authorityKeys, findAuthority } from '../registry.js';

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
  const due = ({ kid, state, superiorReadyAt }: AuthorityKeyRow) => state === 'staged' && superiorReadyAt === null && Number.isFinite(readyAt.get(kid));
  if (!(await authorityKeys(db, row.id)).some(due)) return;
  const { idempotency: _, ...plain } = call;
  await change(plain, {
    authorityId: row.id,
    scope: null,
    async decide() {
      const noted = (await authorityKeys(db, row.id)).filter(due);
      return {
        events: noted.map(({ kid }) => ({ type: 'key.superior_ready', subjectKind: 'key', subjectId: kid, detail: { superior_ready_at: readyAt.get(kid) } })),
        statements: noted.map(({ id, kid }) =>
          db
            .update(authorityKey)
            .set({ superiorReadyAt: readyAt.get(kid) ?? null })
            .where(eq(authorityKey.id, id)),
        ),
        result: undefined,
      };
    },
  });
}

/** For every authority under a superior that has a staged key; one that fails does not hold up the others. */
export async function noteAllSuperiors(deployment: Deployment): Promise<void> {
  const { db } = deployment.store;
  const call = systemCall(deployment);
  const waiting = await db
    .selectDistinct({ slug: authority.slug, authorityHints: authority.authorityHints })
    .from(authorityKey)
    .innerJoin(authority, eq(authority.id, authorityKey.authorityId))
    .where(and(eq(authority.state, 'active'), eq(authorityKey.state, 'staged'), isNull(authorityKey.superiorReadyAt)));
  if (waiting.length === 0 || !(await deployment.turns.claim(deployment, 'discovery'))) return;
  const errors: unknown[] = [];
  for (const { slug, authorityHints } of waiting) if (authorityHints.length) await noteSuperiors(call, slug).catch((error: unknown) => errors.push(error));
  if (errors.length) throw errors[0];
}

/** Not being able to ask is like a superior that does not answer: the key waits. */
const unavailable = (error: unknown): undefined => {
  if (!(error instanceof Refusal && error.code === 'temporarily_unavailable')) throw error;
};
