import type Sqlite from 'better-sqlite3';
import { createCache, createPublished, type Published, type Select } from './published.js';

/** Other processes' commits are seen within this time; asking `data_version` costs 2 µs, a quarter of a request. */
const VERSION_EVERY_MS = 20;
const CACHE_BYTES = 64 * 1024 * 1024;

/** The public view on a SQLite connection, with bytes in memory in front of it. */
export function publishedOnSqlite(reader: Sqlite.Database, { cacheBytes = CACHE_BYTES } = {}): Published & { changed(): void } {
  const prepared = new Map<string, Sqlite.Statement>();
  const select: Select = (sql, params) => {
    let ready = prepared.get(sql);
    if (!ready) {
      ready = reader.prepare(sql);
      prepared.set(sql, ready);
    }
    return ready.all(...params) as Record<string, unknown>[];
  };
  const version = reader.prepare('PRAGMA data_version').pluck();
  let seen = version.get();
  let askAt = 0;
  let dirty = false;
  const fresh = (): boolean => {
    const now = performance.now();
    if (dirty || now >= askAt) {
      askAt = now + VERSION_EVERY_MS;
      const current = version.get();
      const same = !dirty && current === seen;
      seen = current;
      dirty = false;
      return same;
    }
    return true;
  };
  return {
    ...createPublished(select, createCache(cacheBytes, fresh)),
    /** This process has committed: nothing remembered is served again. */
    changed() {
      dirty = true;
    },
  };
}
