import type { Query } from 'drizzle-orm';
import type { BaseSQLiteDatabase } from 'drizzle-orm/sqlite-core';
import type * as schema from './schema.js';

export { ChangeConflict, Overtaken, StoreBusy, StoreFull, StoreUnreachable, storeError } from './trouble.js';

/** Reads: `await db.select()…`. The run result is `unknown`, so no code can lean on one driver's shape. */
export type Database = BaseSQLiteDatabase<'async', unknown, typeof schema>;

/** Anything drizzle can print as one SQL statement: insert, update, delete. */
export interface Statement {
  toSQL(): Pick<Query, 'sql' | 'params'>;
  /** Of one that binds a list (lots.ts): what is carried out in its place. */
  readonly pieces?: readonly Statement[];
  /** One statement that does what this one and the next one do; undefined: there is none. */
  and?(next: Statement): Statement | undefined;
}

/** Statements as they are carried out, each one of SQL. */
export function piecesOf(statements: readonly Statement[]): readonly Statement[] {
  const pieces: Statement[] = [];
  for (const one of statements.flatMap((each) => each.pieces ?? each)) {
    const both = pieces.at(-1)?.and?.(one);
    if (both) pieces[pieces.length - 1] = both;
    else pieces.push(one);
  }
  return pieces;
}

const messages = (error: unknown): string => (error instanceof Error ? `${error.message} ${messages(error.cause)}` : '');

/** The table and columns of a failed uniqueness check, on either engine. */
export const isDuplicate = (error: unknown, columns: string): boolean => messages(error).includes(`UNIQUE constraint failed: ${columns}`);

/** Bulk writes take their rows as one JSON parameter: D1 binds at most 100 values a statement. */
export const raw = (sql: string, ...params: unknown[]): Statement => ({ toSQL: () => ({ sql, params }) });
