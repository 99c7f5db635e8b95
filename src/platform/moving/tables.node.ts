import { createHash } from 'node:crypto';
import { getTableColumns, getTableName } from 'drizzle-orm';
import { TABLES } from '../../store/cells.js';

export interface MovedTable {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: 'text' | 'number' }[];
  /** The column that is the number of the row itself. */
  readonly id: string | undefined;
}

/** Every table of the schema. */
export const MOVED: readonly MovedTable[] = TABLES.map((table) => {
  const columns = Object.values(getTableColumns(table));
  return {
    name: getTableName(table),
    columns: columns.map((one) => ({ name: one.name, type: one.getSQLType() === 'integer' ? ('number' as const) : ('text' as const) })),
    id: columns.find((one) => one.primary && one.columnType === 'SQLiteInteger')?.name,
  };
});

/** The number of the row, then its cells in the order of the columns. */
export type Row = readonly unknown[];

/** What a select gives to be a `Row`. Rows go in the order in which they were written. */
export const selected = ({ name, columns, id }: MovedTable): string =>
  `SELECT ${[id ?? 'rowid', ...columns.map((one) => one.name)].map((one) => `"${one}"`).join(', ')} FROM "${name}" ORDER BY "${id ?? 'rowid'}"`;

export interface Tally {
  readonly table: string;
  readonly rows: number;
  /** Of all rows, in order: equal in two stores when every cell is. */
  readonly sha256: string;
}

/** Count rows and digest them as they pass. */
export function tally(table: string) {
  const digest = createHash('sha256');
  let rows = 0;
  return {
    add(lot: readonly Row[]): void {
      for (const row of lot) digest.update(`${JSON.stringify(row)}\n`);
      rows += lot.length;
    },
    end: (): Tally => ({ table, rows, sha256: digest.digest('hex') }),
  };
}

/** Why a cell cannot be moved; undefined: it can. */
export function unfit(value: unknown, type: 'text' | 'number'): string | undefined {
  if (value === null) return undefined;
  if (type === 'number') return typeof value === 'number' && Number.isFinite(value) ? undefined : 'holds no number';
  if (typeof value !== 'string') return 'holds no text';
  return value.includes('\0') ? 'holds U+0000, which PostgreSQL cannot' : undefined;
}
