import type { LightDatabase, LightStatement } from './light-database.js';
import { createPublished, type Published, type Select } from './published.js';
import { type Forget, forgetting } from './kept-keys.js';
import { publicChanges } from './public-changes.node.js';
import { createCache } from './published-cache.js';

/** Other processes' commits are seen within this time; asking `data_version` costs 2 µs, a quarter of a request. */
const VERSION_EVERY_MS = 20;
const CACHE_BYTES = 64 * 1024 * 1024;

/** The public view on a SQLite connection, with bytes in memory in front of it. */
export function publishedOnSqlite(reader: LightDatabase, { cacheBytes = CACHE_BYTES } = {}): Published & { changed(): void } {
  const prepared = new Map<string, LightStatement>();
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
  const changes = publicChanges(reader);
  const fresh = (): boolean | Forget => {
    const now = performance.now();
    if (now < askAt) return true;
    askAt = now + VERSION_EVERY_MS;
    const current = version.get();
    if (current === seen) return true;
    seen = current;
    const changed = changes();
    if (changed === 'all') return false;
    return changed.length === 0 || forgetting(changed);
  };
  return {
    ...createPublished(select, createCache(cacheBytes, fresh)),
    /** This process has committed: the next request asks at once, and what is remembered is served only if nothing was written. */
    changed() {
      askAt = 0;
    },
  };
}
