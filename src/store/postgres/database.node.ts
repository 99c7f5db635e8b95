import type { SQLWrapper } from 'drizzle-orm';
import { SQLiteAsyncDialect } from 'drizzle-orm/sqlite-core';
import { drizzle } from 'drizzle-orm/sqlite-proxy';
import type { Database } from '../database.js';
import * as schema from '../schema.js';
import type { Rows } from './connection.node.js';
import { objectsOf } from './pool.node.js';
import { numbered } from './translate.js';

const DIALECT = new SQLiteAsyncDialect();

/** Reading by drizzle's words, over whatever carries out a statement. */
export function databaseOver(read: (text: string, params: readonly unknown[]) => Promise<Rows>): Database {
  const built = drizzle(
    async (text, params, method) => {
      const { rows } = await read(numbered(text), params);
      return { rows: (method === 'get' ? rows[0] : rows) as unknown[] };
    },
    { schema },
  );
  /** SQL of the store's own gives objects, as with the other drivers: this one gives whatever it is given. */
  const all = async (query: string | SQLWrapper) => {
    const { sql, params } = typeof query === 'string' ? { sql: query, params: [] } : DIALECT.sqlToQuery(query.getSQL());
    return objectsOf(await read(numbered(sql), params));
  };
  return Object.assign(built, { all }) as unknown as Database;
}
