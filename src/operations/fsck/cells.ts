import type { Database } from '../../store/database.js';
import { getTableName } from 'drizzle-orm';
import { badCells, TABLES } from '../../store/cells.js';
import type { Add } from './damage.js';

/** Rows that are named of one table. */
const NAMED = 1000;

/** Every cell of every table is what its column holds: by row, so that one that cannot be read hides no other. */
export async function checkCells(db: Database, addTo: (authorityId: string | null) => Add, report: (table: string, n: number) => void): Promise<void> {
  for (const [n, table] of TABLES.entries()) {
    report(getTableName(table), n);
    for (const { table: at, rowid, column, name, authorityId } of await badCells(db, table, NAMED))
      addTo(authorityId)('cell_unreadable', `${at} row ${rowid}${name === null ? '' : ` (${name})`}`, `its column ${column} holds what cannot be read`);
  }
}
