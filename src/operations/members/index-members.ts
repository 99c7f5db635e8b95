import { asc, eq, gt, sql } from 'drizzle-orm';
import { homeOf } from '../../federation/place.js';
import type { Database } from '../../store/database.js';
import { INDEXED_TO, indexRows } from '../../store/member-rows.js';
import { member, setting } from '../../store/schema.js';
import type { Deployment } from '../call.js';
import { thumbprintsOf } from './key-binding.js';

const SLICE = 250;

/** Up to which member id the rows that an earlier version wrote are indexed; undefined: all rows are. */
export async function indexedTo(db: Database): Promise<string | undefined> {
  const [row] = await db.select({ value: setting.value }).from(setting).where(eq(setting.name, INDEXED_TO)).limit(1);
  return row?.value;
}

/** Index a slice of the members that an earlier version wrote: keys by thumbprint, identifiers by spelling. Gives how many. */
export async function indexMembers(deployment: Pick<Deployment, 'store'>, limit = SLICE): Promise<number> {
  const after = await indexedTo(deployment.store.db);
  if (after === undefined) return 0;
  const rows = await deployment.store.db
    .select({ memberId: member.id, authorityId: member.authorityId, entityId: member.entityId, jwks: member.jwks, text: sql<string>`${member.jwks}` })
    .from(member)
    .where(gt(member.id, after))
    .orderBy(asc(member.id))
    .limit(limit);
  const indexed = await Promise.all(
    rows.map(async ({ jwks, text, entityId, ...of }) => ({ ...of, jwks: text, spelling: homeOf(entityId), thumbprints: await thumbprintsOf(jwks) })),
  );
  await deployment.store.write(indexRows(indexed, rows.length < limit ? null : (rows.at(-1)?.memberId ?? null)));
  return rows.length;
}
