import type { ChangeRequest } from './change.js';
import type { Database, Statement } from './database.js';

export interface Store {
  /** For reading, and for building statements. */
  readonly db: Database;
  /**
   * Decide and commit one operation: all or nothing, with its event (store/change.ts).
   * @throws whatever `decide` throws; `StoreBusy`, `StoreFull`, `ChangeConflict`
   */
  change<T>(request: ChangeRequest<T>): Promise<T>;
  /** Commit statements that change no state and so have no event: renewal, leases, last-used times. All or none. */
  write(statements: readonly Statement[]): Promise<void>;
  /**
   * Prove that something could be written now, and change nothing that anyone keeps in memory.
   * @throws `StoreBusy`, `StoreFull`, and whatever else keeps a write from being made
   */
  probe(): Promise<void>;
}
