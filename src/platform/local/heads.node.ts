import { drizzle } from 'drizzle-orm/better-sqlite3';
import { openSqlite, type SqliteDatabase, type SqliteOptions } from '../../store/sqlite.node.js';
import { type ChainHead, headsOf } from '../../store/known-heads.js';
import { type Database, piecesOf, type Statement } from '../../store/database.js';

/** The same cast as in store.node.ts: a synchronous query awaited is the same value. */
export const databaseOf = (client: SqliteDatabase): Database => drizzle(client) as unknown as Database;

/** Work on a database file, with whatever schema it has. */
export async function withFile<T>(
  file: string,
  work: (db: Database, client: SqliteDatabase) => Promise<T> | T,
  options: SqliteOptions = { readonly: true },
): Promise<T> {
  const client = openSqlite(file, { fileMustExist: true, ...options });
  try {
    return await work(databaseOf(client), client);
  } finally {
    client.close();
  }
}

/** Write into a copy that nobody else has open, so that it stays one file: no log beside it. */
export const writeInto = (file: string, statements: readonly Statement[]): Promise<void> =>
  withFile(
    file,
    (_db, client) => {
      client.pragma('journal_mode = DELETE');
      client.pragma('synchronous = FULL');
      client.transaction(() => {
        for (const one of piecesOf(statements)) {
          const { sql, params } = one.toSQL();
          client.prepare(sql).run(...params);
        }
      })();
    },
    {},
  );

export const headsOfFile = (file: string): Promise<readonly ChainHead[]> => withFile(file, headsOf);
