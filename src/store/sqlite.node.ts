import { createRequire } from 'node:module';
import type Sqlite from 'better-sqlite3';
import { steady } from './steady-sql.js';

export type SqliteDatabase = Sqlite.Database;
export type SqliteStatement = Sqlite.Statement;
export type SqliteOptions = Sqlite.Options;

/** Which Node-API better-sqlite3 13 is built for. Node has it since 22.14; where it has not, the process crashes instead of failing. */
const NODE_API = 10;

interface Runtime {
  readonly node: string;
  /** The Node-API this Node has, as `process.versions` says it. */
  readonly napi: string;
  readonly platform: string;
  readonly arch: string;
}
const { node, napi } = process.versions;
const RUNTIME: Runtime = { node, napi: napi ?? '0', platform: process.platform, arch: process.arch };

/** @returns the major version of better-sqlite3 for a Node: 13 wherever it runs, 12 for those it would crash */
export const driverFor = ({ napi }: Pick<Runtime, 'napi'>): 12 | 13 => (Number(napi) >= NODE_API ? 13 : 12);

/** What to do where the driver cannot be loaded. */
const REMEDY = {
  12: 'install again with this Node (npm ci), without --omit=optional and --ignore-scripts, and with a C++ compiler and Python 3 where no prebuilt one can be fetched; or use Node 22.14 or later, which needs none of these',
  13: 'it comes built for Linux (glibc 2.34 or later, or musl), macOS and Windows on x64 and arm64: install again (npm ci) if files are missing there, and build it elsewhere with a C++ compiler and Python 3: npm explore better-sqlite3 -- npm run build-release',
};

/** A person reads it whose service does not start: which Node, which driver, what is wrong, what to do. */
export function whyNoDriver(cause: unknown, runtime: Runtime = RUNTIME): Error {
  const driver = driverFor(runtime);
  const said = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0]?.trim();
  return new Error(
    `the SQLite driver for Node ${runtime.node} on ${runtime.platform} ${runtime.arch}, better-sqlite3 ${driver}, cannot be loaded (${said}); ${REMEDY[driver]}`,
    { cause },
  );
}

let driver: typeof Sqlite | undefined;

/**
 * Its native part is loaded by the first connection, so that one is made: what cannot be loaded is told apart from a bad file. None is
 * loaded before somebody opens a file with it: 12 is optional, where 13 runs nobody needs a compiler for it, and Bun needs neither.
 */
function load(): typeof Sqlite {
  try {
    const one = createRequire(import.meta.url)(driverFor(RUNTIME) === 13 ? 'better-sqlite3' : 'better-sqlite3-12') as typeof Sqlite;
    new one(':memory:').close();
    return one;
  } catch (error) {
    throw whyNoDriver(error);
  }
}

/**
 * Open a file with the driver that this Node can run. Everything that opens SQLite does it here.
 * @throws Error that names the Node and what to do, when the driver cannot be loaded
 * @throws Error with a `code` of SQLite, when the file cannot be opened
 */
export function openSqlite(file: string, options?: SqliteOptions): SqliteDatabase {
  driver ??= load();
  const client = new driver(file, options);
  const prepare = client.prepare.bind(client);
  return Object.defineProperty(client, 'prepare', { value: (sql: string) => prepare(steady(sql)), configurable: true, writable: true });
}
