import type { Result } from '../federation/entry.js';
import type { StatementSource } from './source.js';

/** How long an answer is used again (seconds), and how much of it is kept (bytes). */
const KEEP_SECONDS = 60;
const KEEP_BYTES = 16 * 1024 * 1024;

export interface StatementCache {
  /** The same source with the cache in front; each walk brings its own, with its own budget. Its subject is always asked anew. */
  over(source: StatementSource, subject: string): StatementSource;
}

/**
 * Superiors are the same for many subjects: an answer of theirs is used again for a minute by the walks that follow
 * (OpenID Federation 1.0 §10.2 lets statements be cached until they expire). Failures are never kept. Bounded in bytes.
 */
export function createStatementCache(now: () => number): StatementCache {
  const kept = new Map<string, { readonly at: number; readonly bytes: number; readonly result: Promise<Result<string>> }>();
  let total = 0;
  const drop = (key: string) => {
    total -= kept.get(key)?.bytes ?? 0;
    kept.delete(key);
  };
  const once = (key: string, load: () => Promise<Result<string>>): Promise<Result<string>> => {
    const known = kept.get(key);
    if (known && now() - known.at <= KEEP_SECONDS && now() >= known.at) return known.result;
    drop(key);
    const result = load();
    kept.set(key, { at: now(), bytes: 0, result });
    void result.then(
      (loaded) => {
        if (kept.get(key)?.result !== result) return;
        if (!loaded.ok) return drop(key);
        kept.set(key, { at: now(), bytes: loaded.value.length, result });
        total += loaded.value.length;
        for (const oldest of kept.keys()) {
          if (total <= KEEP_BYTES) break;
          drop(oldest);
        }
      },
      () => drop(key),
    );
    return result;
  };
  return {
    over: (source, subject) => ({
      configuration: (id) => (id === subject ? source.configuration(id) : once(id, () => source.configuration(id))),
      // One statement is about one subject: nobody asks for it again soon.
      statement: (superior, subject) => source.statement(superior, subject),
    }),
  };
}
