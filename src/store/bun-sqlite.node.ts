import { createRequire } from 'node:module';
import type { LightDatabase, LightOptions, LightStatement } from './light-database.js';
import { steady } from './steady-sql.js';

/** Whether this process runs on Bun, which has an SQLite of its own and needs no native addon. */
export const ON_BUN = process.versions['bun'] !== undefined;

type Row = Readonly<Record<string, unknown>>;

/** The part of `bun:sqlite` that is used; there are no types of Bun here. */
interface BunStatement {
  all(...params: readonly unknown[]): Row[];
  /** Null where there is no row. */
  get(...params: readonly unknown[]): Row | null;
  run(...params: readonly unknown[]): unknown;
  values(...params: readonly unknown[]): readonly (readonly unknown[])[];
}
interface BunDatabase {
  prepare(sql: string): BunStatement;
  exec(sql: string): unknown;
  transaction<T>(work: () => T): { immediate(): T };
  close(alsoStatements: boolean): void;
}
interface BunSqlite {
  readonly Database: new (file: string, options: { readonly readonly?: boolean; readonly readwrite?: boolean; readonly create?: boolean }) => BunDatabase;
}

/** What better-sqlite3 sets and Bun does not: how long a lock is waited for (milliseconds), and how much is kept (KiB, negative). */
const DEFAULTS = { timeout: 5000, cache: -16_000 };

const spread = (ready: BunStatement): LightStatement => ({
  all: (...params) => ready.all(...params),
  get: (...params) => ready.get(...params) ?? undefined,
  run: (...params) => ready.run(...params),
  pluck: () => ({
    all: (...params) => ready.values(...params).map(([first]) => first),
    get: (...params) => ready.values(...params)[0]?.[0],
  }),
});

/**
 * Open a file with Bun's own SQLite. Errors have the codes of SQLite, as those of better-sqlite3 have.
 * @throws Error with a `code` of SQLite, when the file cannot be opened
 */
export function openOnBun(file: string, { readonly = false, fileMustExist = false, timeout = DEFAULTS.timeout }: LightOptions = {}): LightDatabase {
  const { Database } = createRequire(import.meta.url)('bun:sqlite') as BunSqlite;
  const client = new Database(file, readonly ? { readonly } : { readwrite: true, create: !fileMustExist });
  client.exec(`PRAGMA busy_timeout = ${timeout}; PRAGMA cache_size = ${DEFAULTS.cache}`);
  return {
    prepare: (sql) => spread(client.prepare(steady(sql))),
    exec: (sql) => client.exec(sql),
    pragma: (source) => client.exec(`PRAGMA ${source}`),
    transaction: (work) => client.transaction(work),
    // With its statements: a file that was exchanged would be held open, and its lock with it, until they are collected.
    close: () => client.close(true),
  };
}
