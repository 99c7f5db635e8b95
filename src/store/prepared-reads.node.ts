import type { SqliteDatabase, SqliteStatement } from './sqlite.node.js';

/** So many texts are kept prepared, those that were asked last; one is some ten kilobytes. */
const KEPT = 400;

/** What a query builder does with a statement. */
type Ready = Pick<SqliteStatement, 'all' | 'get' | 'run'> & { raw(): SqliteStatement };

/**
 * A connection that keeps its statements: drizzle prepares one for each query it is asked, which costs more than carrying it
 * out. Whether rows come as arrays is a property of a statement, so a text is two of them.
 */
export function preparedReads(client: SqliteDatabase): SqliteDatabase {
  const kept = new Map<string, Ready>();
  const make = (sql: string): Ready => {
    const plain = client.prepare(sql);
    let rows: SqliteStatement | undefined;
    return {
      all: (...params) => plain.all(...params),
      get: (...params) => plain.get(...params),
      run: (...params) => plain.run(...params),
      raw: () => {
        rows ??= client.prepare(sql).raw();
        return rows;
      },
    };
  };
  const prepare = (sql: string): Ready => {
    const known = kept.get(sql);
    const ready = known ?? make(sql);
    if (known) kept.delete(sql);
    else if (kept.size >= KEPT) kept.delete(kept.keys().next().value as string);
    // The last in order is the one that was asked last.
    kept.set(sql, ready);
    return ready;
  };
  return Object.create(client, { prepare: { value: prepare } }) as SqliteDatabase;
}
