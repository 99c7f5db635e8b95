import type { Store } from './store.js';

/** So many are kept: what every request reads is about a few. */
const MOST = 64;

/**
 * What was read, for as long as nothing was committed by whichever process: it is read once for all that ask between two commits,
 * and who asks after one sees what that has changed. Where a commit is not to be told for nothing it is read every time, and what
 * was not found is never kept.
 * @returns reads under a name that says what is read; what is kept is kept `beside` an object, and as long as that
 */
export function keptUntilCommit<V extends object>(): (
  beside: object,
  store: Pick<Store, 'version'>,
  name: string,
  read: () => Promise<V | undefined>,
) => Promise<V | undefined> {
  const known = new WeakMap<object, { readonly version: number; readonly values: Map<string, V> }>();
  return async (beside, store, name, read) => {
    // Asked before it is read: what is read is as new as that at least.
    const version = store.version?.();
    if (version === undefined) return read();
    let kept = known.get(beside);
    if (kept?.version !== version) {
      kept = { version, values: new Map() };
      known.set(beside, kept);
    }
    const value = kept.values.get(name);
    if (value !== undefined) return value;
    const found = await read();
    if (found !== undefined && kept.values.size < MOST) kept.values.set(name, found);
    return found;
  };
}
