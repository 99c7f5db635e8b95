import type { SqliteDatabase, SqliteStatement } from './sqlite.node.js';

/** So many texts are kept prepared, those that were asked last; one is some ten kilobytes. */
const KEPT = 400;

/** What a query builder does with a statement. */
interface Asked {
  all(...params: readonly unknown[]): unknown[];
  get(...params: readonly unknown[]): unknown;
  run(...params: readonly unknown[]): unknown;
}
interface Ready extends Asked {
  raw(): Asked;
}

/**
 * SQLite plans by what is bound as a limit, so it prepares such a statement anew whenever something is bound, which costs ten times
 * what finding one row does. So the number goes into the text. It is the last parameter of most queries that have one.
 */
const BOUND_LIMIT = /\blimit \?$/i;

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
  const ready = (sql: string): Ready => {
    const known = kept.get(sql);
    const found = known ?? make(sql);
    if (known) kept.delete(sql);
    else if (kept.size >= KEPT) kept.delete(kept.keys().next().value as string);
    // The last in order is the one that was asked last.
    kept.set(sql, found);
    return found;
  };
  const prepare = (sql: string): Ready => {
    if (!BOUND_LIMIT.test(sql)) return ready(sql);
    const head = sql.slice(0, -1);
    const on = <T>(params: readonly unknown[], ask: (one: Ready, bound: readonly unknown[]) => T): T => {
      const most = params.at(-1);
      return Number.isSafeInteger(most) ? ask(ready(`${head}${most}`), params.slice(0, -1)) : ask(ready(sql), params);
    };
    return {
      all: (...params) => on(params, (one, bound) => one.all(...bound)),
      get: (...params) => on(params, (one, bound) => one.get(...bound)),
      run: (...params) => on(params, (one, bound) => one.run(...bound)),
      raw: () => ({
        all: (...params) => on(params, (one, bound) => one.raw().all(...bound)),
        get: (...params) => on(params, (one, bound) => one.raw().get(...bound)),
        run: (...params) => on(params, (one, bound) => one.raw().run(...bound)),
      }),
    };
  };
  return Object.create(client, { prepare: { value: prepare } }) as SqliteDatabase;
}
