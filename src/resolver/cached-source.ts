import type { Result } from '../federation/entry.js';
import type { StatementSource } from './source.js';

/** How long an answer is used again (seconds), and how much of it is kept (bytes, keys and bookkeeping counted). */
export const KEEP_SECONDS = 60;
export const KEEP_BYTES = 16 * 1024 * 1024;
const OVERHEAD = 500;

export interface StatementCache {
  /** The same source with the cache in front. Its subject is always asked anew. */
  over(source: StatementSource, subject: string): StatementSource;
  /** What is kept, for tests and metrics. */
  readonly size: { readonly entries: number; readonly bytes: number };
}

interface Entry {
  readonly at: number;
  readonly bytes: number;
  readonly result: Promise<Result<string>>;
}

/**
 * Superiors are the same for many subjects: a configuration of theirs is used again for a minute by the walks that follow
 * (OpenID Federation 1.0 §10.2 lets statements be cached until they expire). Failures are never kept. Walks that run at the
 * same time share one exchange, never a budget that has run out: each pays for what it gets by itself.
 */
export function createStatementCache(now: () => number, { keepBytes = KEEP_BYTES } = {}): StatementCache {
  const kept = new Map<string, Entry>();
  let total = 0;
  const drop = (key: string): void => {
    total -= kept.get(key)?.bytes ?? 0;
    kept.delete(key);
  };
  const put = (key: string, result: Entry['result'], length: number): void => {
    drop(key);
    const entry = { at: now(), bytes: OVERHEAD + 2 * key.length + length, result };
    kept.set(key, entry);
    total += entry.bytes;
    for (const oldest of kept.keys()) {
      if (total <= keepBytes) break;
      drop(oldest);
    }
  };
  const find = (key: string): Entry | undefined => {
    const known = kept.get(key);
    return known && now() - known.at <= KEEP_SECONDS && now() >= known.at ? known : undefined;
  };
  const fetched = (key: string, load: () => Promise<Result<string>>): Promise<Result<string>> => {
    const result = load();
    put(key, result, 0);
    const mine = (): boolean => kept.get(key)?.result === result;
    result.then(
      (loaded) => mine() && (loaded.ok ? put(key, result, loaded.value.length) : drop(key)),
      () => mine() && drop(key),
    );
    return result;
  };
  return {
    over(source, subject) {
      const used = new Set<string>();
      return {
        async configuration(id, anew = false) {
          const load = () => source.configuration(id);
          if (id === subject) return load();
          used.delete(id);
          const known = anew ? undefined : find(id);
          if (!known) return fetched(id, load);
          used.add(id);
          const loaded = await known.result;
          // Who asked first may have run out of something: that is its own affair.
          return loaded.ok || !loaded.findings.some(({ code }) => code === 'budget_exceeded') ? loaded : load();
        },
        fromCache: (id) => used.has(id),
        // One statement is about one subject: nobody asks for it again soon.
        statement: (superior, about) => source.statement(superior, about),
      };
    },
    get size() {
      return { entries: kept.size, bytes: total };
    },
  };
}
