import { asc, eq } from 'drizzle-orm';
import { parseJws } from '../../federation/entry.js';
import { jsonEqual } from '../../federation/strict-json.js';
import { bundlesOf, entitledStatementsAfter, withholdStatements } from '../../store/bundles.js';
import { authority } from '../../store/schema.js';
import type { Deployment } from '../call.js';
import { consequencesOf } from '../facts.js';
import { publishedPolicy } from '../registry.js';
import { ceilingOf } from '../agents/ceiling.js';
import { entitledIn, policyAbout, underCeiling } from './effective.js';

/** Members a turn looks at, of one authority. */
const SHARE = 200;

/** Up to which member of which authority this process has looked; null: all of it. */
const lookedTo = new WeakMap<object, { readonly authorityId: string; readonly entityId: string | null }>();

/**
 * Look at the next share of the members that entitlements limit, round and round: does the statement about each say so? A
 * version that knows no entitlements signs, beside this one, statements without them; and what agents may have at most changes
 * above them. Such a one is withheld and signed anew.
 * Gives how many.
 */
export async function restateEntitled({ store, now }: Pick<Deployment, 'store' | 'now'>, share = SHARE): Promise<number> {
  const { db } = store;
  const last = lookedTo.get(store) ?? { authorityId: '', entityId: null };
  const active = await db
    .select({ id: authority.id, agentsAs: authority.agentsAs })
    .from(authority)
    .where(eq(authority.state, 'active'))
    .orderBy(asc(authority.id));
  const next = active.find(({ id }) => id > last.authorityId || (id === last.authorityId && last.entityId !== null));
  if (!next) {
    lookedTo.delete(store);
    return 0;
  }
  const { id: authorityId } = next;
  // Before policy and bundles: what is changed after this makes the statements due, or signs others, and neither is withheld.
  const rows = await entitledStatementsAfter(db, authorityId, authorityId === last.authorityId ? (last.entityId ?? '') : '', share, now());
  lookedTo.set(store, { authorityId, entityId: rows.length < share ? null : (rows.at(-1)?.entityId ?? null) });
  if (rows.length === 0) return 0;
  const [policy, bundles] = await Promise.all([publishedPolicy(db, authorityId), bundlesOf(db, authorityId)]);
  const ceiling = next.agentsAs === null ? undefined : await ceilingOf(db, next);
  const wrong = rows.filter(({ bytes, intermediate, ...cells }) => {
    const entitled = entitledIn(cells);
    const rules = entitled && policyAbout(policy?.policy ?? {}, underCeiling({ ...entitled, intermediate }, bundles, ceiling), bundles);
    // One of which no statement can be signed is told of by whoever tries to.
    return rules?.ok === true && !jsonEqual(statedIn(bytes), rules.value);
  });
  if (wrong.length === 0) return 0;
  const entityIds = wrong.map(({ entityId }) => entityId);
  const hashes = wrong.map(({ sha256 }) => sha256);
  await store.write([withholdStatements(authorityId, hashes, now()), ...consequencesOf(authorityId, { fact: 'statement changed', entityIds }, now())]);
  return wrong.length;
}

function statedIn(statement: string): unknown {
  const jws = parseJws(statement, 'entity-statement+jwt');
  return jws.ok ? (jws.value.claims['metadata_policy'] ?? {}) : undefined;
}
