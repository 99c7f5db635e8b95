import { forgetting } from '../kept-keys.js';
import { createPublished, type Published } from '../published.js';
import { type Cache, createCache } from '../published-cache.js';
import { askedFor } from './connection.node.js';
import type { Follower } from './follower.node.js';
import { objectsOf } from './pool.node.js';
import { numbered } from './translate.js';

const CACHE_BYTES = 64 * 1024 * 1024;

/** The public view on PostgreSQL, with bytes in memory in front of it. */
export function publishedOnPostgres(follower: Follower, { cacheBytes = CACHE_BYTES } = {}): Published & { changed(): void } {
  let kept: string | undefined;
  /** Where it was not looked just now nobody knows: then nothing kept is used, and nothing is dropped. */
  const known = () => kept !== undefined && follower.version() === kept;
  const cache = createCache(cacheBytes, () => {
    const version = follower.version();
    if (version !== undefined) follower.expectFresh();
    if (version === undefined || version === kept) return true;
    kept = version;
    const told = follower.takeChanges();
    if (told === 'all') return false;
    return told.length === 0 || forgetting(told);
  });
  let unknown = 0;
  const guarded: Cache = {
    ...cache,
    // What is read then is nobody else's, of before or after.
    stamp: (group) => (known() ? cache.stamp(group) : `unknown ${++unknown}`),
    get: (key) => (known() ? cache.get(key) : undefined),
    spelled: (url) => (known() ? cache.spelled(url) : undefined),
  };
  return {
    ...createPublished(async (text, params) => objectsOf(await follower.read(numbered(text), params.map(askedFor))), guarded),
    /** This process has committed: what is kept is served again when it was looked what that has changed. */
    changed: () => follower.expire(),
  };
}
