import type { Query } from 'drizzle-orm';
import type { BaseSQLiteDatabase } from 'drizzle-orm/sqlite-core';
import type * as schema from './schema.js';

/** Reads: `await db.select()…`. The run result is `unknown`, so no code can lean on one driver's shape. */
export type Database = BaseSQLiteDatabase<'async', unknown, typeof schema>;

/** Anything drizzle can print as one SQL statement: insert, update, delete. */
export interface Statement {
  toSQL(): Pick<Query, 'sql' | 'params'>;
}

/** Another writer held the database for longer than we wait. Nothing was written. */
export class StoreBusy extends Error {}
/** The disk, or the database's size limit, is full. Nothing was written. */
export class StoreFull extends Error {}
/** The authority changed again and again while this change was being made. Nothing was written. */
export class ChangeConflict extends Error {}

const messages = (error: unknown): string => (error instanceof Error ? `${error.message} ${messages(error.cause)}` : '');

/** The table and columns of a failed uniqueness check, on either engine. */
export const isDuplicate = (error: unknown, columns: string): boolean => messages(error).includes(`UNIQUE constraint failed: ${columns}`);

/** Name the store's own troubles; everything else passes unchanged. */
export function storeError(error: unknown): unknown {
  const code = error instanceof Error ? (error as { code?: string }).code : undefined;
  if (code?.startsWith('SQLITE_BUSY') || code?.startsWith('SQLITE_LOCKED')) return new StoreBusy('the database is locked by another process', { cause: error });
  if (code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_WRITE') return new StoreFull('the disk is full', { cause: error });
  return error;
}

/** Bulk writes take their rows as one JSON parameter: D1 binds at most 100 values a statement. */
export const raw = (sql: string, ...params: unknown[]): Statement => ({ toSQL: () => ({ sql, params }) });
