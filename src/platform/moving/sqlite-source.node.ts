import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { openSqlite, type SqliteDatabase } from '../../store/sqlite.node.js';
import { piecesOf, type Statement } from '../../store/database.js';
import { NEWER, schemaAge } from '../../store/schema-age.node.js';
import { DORMANT, saidOf, makeDormant, StoreDormant, takeBack } from '../../store/dormant.js';
import { MIGRATIONS } from '../../store/store.node.js';
import { type DataLock, lockDatabase } from '../data-lock.node.js';
import { inboxFile } from '../deployment.node.js';
import { databaseOf } from '../local/heads.node.js';
import { integrityOf } from '../local/integrity.node.js';
import type { Source, Spent } from './ends.js';
import { type MovedTable, type Row, selected } from './tables.node.js';

/** Of one lot, whichever comes first. */
const LOT_ROWS = 500;
const LOT_CHARS = 1_000_000;

/** @throws Error when its schema is not this version's @throws StoreDormant */
function expectCurrent(client: SqliteDatabase, file: string): void {
  const age = schemaAge(client, MIGRATIONS);
  if (age === 'newer') throw new Error(NEWER);
  if (age === 'empty') throw new Error(`${file} holds no store of Holdfast`);
  if (age === 'older') throw new Error(`${file} has the schema of an older version: start this version once on it, which migrates, then stop it and copy`);
  const dormant = client.prepare('SELECT value FROM setting WHERE name = ?').pluck().get(DORMANT);
  if (dormant !== undefined) throw new StoreDormant(saidOf(String(dormant)));
}

/** Rows in lots, read as they are taken. */
export async function* lotsOfFile(client: SqliteDatabase, table: MovedTable): AsyncIterable<readonly Row[]> {
  let lot: Row[] = [];
  let chars = 0;
  for (const row of client.prepare(selected(table)).raw().iterate() as IterableIterator<unknown[]>) {
    lot.push(row);
    for (const cell of row) if (typeof cell === 'string') chars += cell.length;
    if (lot.length < LOT_ROWS && chars < LOT_CHARS) continue;
    yield lot;
    [lot, chars] = [[], 0];
  }
  if (lot.length) yield lot;
}

/** Write into the file of a store that nobody serves, and leave one file without a log. */
export function writeDurably(file: string, statements: readonly Statement[]): void {
  const client = openSqlite(file, { fileMustExist: true });
  try {
    client.pragma('synchronous = FULL');
    client.transaction(() => {
      for (const one of piecesOf(statements)) {
        const { sql, params } = one.toSQL();
        client.prepare(sql).run(...params);
      }
    })();
    client.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    client.close();
  }
}

/** Assertions spent beside a database, which have not ended. */
function spentBeside(file: string, now: number): readonly Spent[] {
  const inbox = inboxFile(dirname(file));
  if (!existsSync(inbox)) return [];
  const client = openSqlite(inbox, { readonly: true });
  try {
    const there = client.prepare("SELECT 1 FROM sqlite_master WHERE name = 'used_assertion'").get();
    return there ? (client.prepare('SELECT issuer, jti, exp FROM used_assertion WHERE exp >= ? - 120 ORDER BY rowid').all(now) as Spent[]) : [];
  } finally {
    client.close();
  }
}

/**
 * A database file. @param look it is only looked at: that may be beside a server
 * @throws Error when it is not there, is served, or has another schema
 */
export function sourceOfFile(file: string, look: boolean): Source {
  if (!existsSync(file)) throw new Error(`there is no database ${file}`);
  const lock = lockOf(file, look);
  const open: SqliteDatabase[] = [];
  const opened = () => {
    const client = openSqlite(file, { readonly: true, fileMustExist: true });
    open.push(client);
    return client;
  };
  const closeAll = () => open.splice(0).forEach((one) => void one.close());
  try {
    const client = opened();
    expectCurrent(client, file);
    client.exec('BEGIN');
    let looker: SqliteDatabase | undefined;
    return {
      at: file,
      db: databaseOf(client),
      served: lock === undefined,
      integrity: () => integrityOf(client, 'integrity_check'),
      rows: (table) => lotsOfFile(client, table),
      hidden({ name, columns, id }, row, column) {
        const value = row[column + 1];
        // What is no UTF-8 is read as this character, and would be written as it.
        if (typeof value !== 'string' || !value.includes('\uFFFD')) return undefined;
        looker ??= opened();
        const bytes = looker
          .prepare(`SELECT CAST("${columns[column]?.name}" AS BLOB) FROM "${name}" WHERE "${id ?? 'rowid'}" = ?`)
          .pluck()
          .get(row[0]) as Buffer | undefined;
        return bytes?.equals(Buffer.from(value, 'utf8')) ? undefined : 'holds bytes that are no UTF-8';
      },
      spent: async (now) => spentBeside(file, now),
      async makeDormant(one) {
        closeAll();
        writeDurably(file, makeDormant(one));
      },
      takeBack: async (one) => writeDurably(file, takeBack(one)),
      async close() {
        closeAll();
        lock?.release();
      },
    };
  } catch (error) {
    closeAll();
    lock?.release();
    throw error;
  }
}

/** Undefined: it is served, and only looked at. @throws Error */
function lockOf(file: string, look: boolean): DataLock | undefined {
  try {
    return lockDatabase(file, { alone: true });
  } catch (error) {
    if (look) return undefined;
    throw error;
  }
}
