import { and, asc, eq, gt, lte, type SQL } from 'drizzle-orm';
import type { Database } from './database.js';
import { knownEntity, member } from './schema.js';

/** Tables that are searched by Entity Identifier within an authority, which is the order of an index of each. */
const TABLES = { member, knownEntity } as const;
type Searched = keyof typeof TABLES;
export type RowOf<T extends Searched> = (typeof TABLES)[T]['$inferSelect'];

/** Rows of an authority after an identifier, and up to another one, that are as is asked for. */
export interface Between {
  readonly authorityId: string;
  readonly from: string | undefined;
  readonly to?: string | undefined;
  readonly conditions?: SQL | undefined;
}

export async function rowsBetween<T extends Searched>(
  db: Database,
  name: T,
  { authorityId, from, to, conditions }: Between,
  limit: number,
): Promise<RowOf<T>[]> {
  const table = TABLES[name];
  const rows = await db
    .select()
    .from(table)
    .where(
      and(
        eq(table.authorityId, authorityId),
        from === undefined ? undefined : gt(table.entityId, from),
        to === undefined ? undefined : lte(table.entityId, to),
        conditions,
      ),
    )
    .orderBy(asc(table.entityId))
    .limit(limit);
  return rows as RowOf<T>[];
}

/** Where so many rows end that come after an identifier, by index; undefined: there are not more. */
export async function endOfLot(db: Database, name: Searched, authorityId: string, from: string | undefined, size: number): Promise<string | undefined> {
  const table = TABLES[name];
  const [row] = await db
    .select({ entityId: table.entityId })
    .from(table)
    .where(and(eq(table.authorityId, authorityId), from === undefined ? undefined : gt(table.entityId, from)))
    .orderBy(asc(table.entityId))
    .limit(1)
    .offset(size);
  return row?.entityId;
}
