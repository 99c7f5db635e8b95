import type { Inbox } from '../../src/store/inbox.js';
import type { Published } from '../../src/store/published.js';
import type { Store } from '../../src/store/store.js';

/** What each runtime gives the shared suite. */
export interface TestStore {
  readonly store: Store;
  readonly published: Published;
  readonly inbox: Inbox;
  /** The store as another process opens it: with queues of its own. */
  another(): Store;
  /** Sabotage: run SQL behind the store's back. */
  execute(sql: string): Promise<void>;
  rows(sql: string): Promise<Record<string, unknown>[]>;
}
