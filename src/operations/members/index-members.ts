import { asc, eq, gt } from 'drizzle-orm';
import type { JwkSet } from '../../federation/entry.js';
import { spellingOf } from '../../federation/place.js';
import { cellText } from '../../store/conditions.js';
import type { Database } from '../../store/database.js';
import { INDEXED_TO, indexAnew, indexRows } from '../../store/member-rows.js';
import { member, setting } from '../../store/schema.js';
import { allow, type Call, change, DEPLOYMENT, type Deployment } from '../call.js';
import { thumbprintsOf } from './key-binding.js';

const SLICE = 250;

/** Up to which member id the rows that an earlier version wrote are indexed; undefined: all rows are. */
export async function indexedTo(db: Database): Promise<string | undefined> {
  const [row] = await db.select({ value: setting.value }).from(setting).where(eq(setting.name, INDEXED_TO)).limit(1);
  return row?.value;
}

/** Index a slice of the members that are not yet: keys by thumbprint, identifiers by spelling. Gives how many. */
export async function indexMembers(deployment: Pick<Deployment, 'store'>, limit = SLICE): Promise<number> {
  const after = await indexedTo(deployment.store.db);
  if (after === undefined) return 0;
  const rows = await deployment.store.db
    .select({ memberId: member.id, entityId: member.entityId, jwks: cellText(member.jwks) })
    .from(member)
    .where(gt(member.id, after))
    .orderBy(asc(member.id))
    .limit(limit);
  const indexed = await Promise.all(
    rows.map(async ({ memberId, entityId, jwks }) => ({ memberId, jwks, spelling: spellingOf(entityId), thumbprints: await thumbprintsIn(jwks) })),
  );
  await deployment.store.write(indexRows(indexed, rows.length < limit ? null : (rows.at(-1)?.memberId ?? null)));
  return rows.length;
}

async function thumbprintsIn(jwks: string): Promise<readonly string[] | null> {
  try {
    return await thumbprintsOf(JSON.parse(jwks) as JwkSet);
  } catch {
    return null;
  }
}

/** Make the indexes of members' keys and spellings anew, in the background. Enrolments wait for it. */
export async function reindexMembers(call: Call<{ readonly state: 'indexing' }>): Promise<{ readonly state: 'indexing' }> {
  allow(call, 'administer', null);
  return change(call, {
    authorityId: DEPLOYMENT,
    scope: null,
    decide: async () => ({
      events: [{ type: 'members.reindexing', subjectKind: 'deployment', subjectId: DEPLOYMENT }],
      statements: [indexAnew()],
      result: { state: 'indexing' as const },
    }),
  });
}
