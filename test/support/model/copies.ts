import { getTableName, is, type Table } from 'drizzle-orm';
import { SQLiteTable } from 'drizzle-orm/sqlite-core';
import * as schema from '../../../src/store/schema.js';
import { withhold } from '../../../src/store/standing.js';
import type { TestStore } from '../platform.js';

/** Every table of the schema, so that a new one is among them. */
export const TABLES: readonly string[] = Object.values(schema).flatMap((one) => (is(one, SQLiteTable) ? [getTableName(one as Table)] : []));

export type Copy = ReadonlyMap<string, readonly Record<string, unknown>[]>;

/** Everything a database holds, as a backup has it. */
export async function copyOf({ rows }: TestStore): Promise<Copy> {
  const copy = new Map<string, readonly Record<string, unknown>[]>();
  for (const table of TABLES) copy.set(table, await rows(`SELECT * FROM "${table}"`));
  return copy;
}

export const literal = (value: unknown): string =>
  value === null ? 'NULL' : typeof value === 'number' ? String(value) : `'${String(value).replaceAll("'", "''")}'`;

/** Put a copy in the place of what a database holds, as a restore does. */
export async function restoreCopy({ execute, store }: TestStore, copy: Copy, now: number): Promise<void> {
  for (const [table, all] of copy) {
    await execute(`DELETE FROM "${table}"`);
    for (const row of all) {
      const names = Object.keys(row).map((name) => `"${name}"`);
      await execute(`INSERT INTO "${table}" (${names.join(', ')}) VALUES (${Object.values(row).map(literal).join(', ')})`);
    }
  }
  await store.write([withhold({ reason: 'restored', at: now, backupAt: null, givenUp: [] })]);
}
