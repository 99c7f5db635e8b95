import { getTableColumns, getTableName, is, type SQL, sql } from 'drizzle-orm';
import { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Database } from './database.js';
import * as schema from './schema.js';

/** A cell that no write of ours has made: reading its row fails, or gives what no code expects. */
export interface BadCell {
  readonly table: string;
  readonly rowid: number;
  readonly column: string;
  /** What people know the row by. */
  readonly name: string | null;
  readonly authorityId: string | null;
}

export const TABLES: readonly SQLiteTable[] = Object.values(schema).filter((one) => is(one, SQLiteTable));

const NAMES = ['entity_id', 'id', 'key', 'subject', 'name', 'kid', 'seq', 'version', 'member_id', 'job_id'];

interface Column {
  readonly name: string;
  readonly columnType: string;
  readonly enumValues: readonly string[] | undefined;
}
const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** SQL that is true of a cell that is none of its column's. */
function isBad({ name, columnType, enumValues }: Column): string {
  const c = `"${name}"`;
  if (columnType === 'SQLiteCustomColumn') return `(${c} IS NOT NULL AND (typeof(${c}) <> 'text' OR NOT json_valid(${c})))`;
  if (columnType !== 'SQLiteText') return `typeof(${c}) NOT IN ('integer', 'real', 'null')`;
  const text = `typeof(${c}) NOT IN ('text', 'null')`;
  return enumValues?.length ? `(${text} OR ${c} NOT IN (${enumValues.map(quoted).join(', ')}))` : text;
}

/** The rows of a table with such a cell, by their first one; up to `most`. SQLite looks, so no row has to be read for it. */
export function badCells(db: Database, table: SQLiteTable, most: number): Promise<readonly BadCell[]> {
  const columns: readonly Column[] = Object.values(getTableColumns(table));
  const has = (name: string) => columns.some((one) => one.name === name);
  const name = NAMES.find(has);
  const checks = columns.map((one) => ({ one, bad: isBad(one) }));
  const text: SQL = sql.raw(
    `SELECT '${getTableName(table)}' AS "table", rowid AS rowid, ${name ? `CAST("${name}" AS TEXT)` : 'NULL'} AS name,
       ${has('authority_id') ? '"authority_id"' : table === schema.authority ? '"id"' : 'NULL'} AS "authorityId",
       CASE ${checks.map(({ one, bad }) => `WHEN ${bad} THEN ${quoted(one.name)}`).join(' ')} END AS "column"
     FROM "${getTableName(table)}" WHERE ${checks.map(({ bad }) => bad).join(' OR ')} LIMIT ${most}`,
  );
  return db.all<BadCell>(text);
}
