import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import type { Database } from '../../store/database.js';
import { badCells } from '../../store/cells.js';
import type { Add } from './damage.js';

/** Rows that are named of one table. */
const NAMED = 1000;

/** Every cell of a table is what its column holds: asked of SQLite, so that one that cannot be read hides no other. */
export async function checkCells(db: Database, table: SQLiteTable, addTo: (authorityId: string | null) => Add): Promise<void> {
  for (const { table: at, rowid, column, name, authorityId } of await badCells(db, table, NAMED))
    addTo(authorityId)('cell_unreadable', `${at} row ${rowid}${name === null ? '' : ` (${name})`}`, `its column ${column} holds what cannot be read`);
}
