import { type SQL, sql } from 'drizzle-orm';
import type { AnySQLiteColumn } from 'drizzle-orm/sqlite-core';

/**
 * `column = value` as a condition that chooses no index (SQLite, query planner: a unary plus). Without statistics the
 * planner would read everything of an authority where the rows of one member are meant.
 */
export const only = (column: AnySQLiteColumn, value: string): SQL => sql`${column} || '' = ${value}`;

/** The same for `column <> value`. */
export const onlyOthers = (column: AnySQLiteColumn, value: string): SQL => sql`${column} || '' <> ${value}`;
