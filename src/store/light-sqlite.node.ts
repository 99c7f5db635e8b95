import { ON_BUN, openOnBun } from './bun-sqlite.node.js';
import type { LightDatabase, LightOptions } from './light-database.js';
import { openSqlite } from './sqlite.node.js';

/**
 * Open a file with what the runtime has: the driver for this Node, or Bun's own SQLite.
 * @throws Error with a `code` of SQLite, when the file cannot be opened
 */
export const openLight = (file: string, options: LightOptions = {}): LightDatabase => (ON_BUN ? openOnBun(file, options) : openSqlite(file, options));

/** Blocks the event loop while another process holds the lock, so it is short. */
const BUSY_TIMEOUT_MS = 20;

/** The database for a public plane that may run without write access and without any key. */
export function openReader(file: string): LightDatabase {
  const reader = openLight(file, { readonly: true, fileMustExist: true });
  for (const one of [`busy_timeout = ${BUSY_TIMEOUT_MS}`, 'foreign_keys = OFF', 'query_only = ON']) reader.pragma(one);
  return reader;
}
