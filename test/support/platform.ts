import type { Inbox } from '../../src/store/inbox.js';
import type { Published } from '../../src/store/published.js';
import type { Store } from '../../src/store/store.js';

/** What each runtime gives the shared suite. */
export interface TestStore {
  readonly store: Store;
  readonly published: Published;
  readonly inbox: Inbox;
  /** Sabotage: run SQL behind the store's back. */
  execute(sql: string): Promise<void>;
  rows(sql: string): Promise<Record<string, unknown>[]>;
  /** Connections of another process on the same store. */
  another(): Pick<TestStore, 'store' | 'published' | 'inbox'>;
}
