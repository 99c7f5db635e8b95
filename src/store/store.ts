import type { ChangeRequest } from './change.js';
import type { Database, Statement } from './database.js';
import type { KnownHeads } from './known-heads.js';

export interface Store {
  /** For reading, and for building statements. */
  readonly db: Database;
  /** It is read on the event loop: nothing else happens meanwhile. */
  readonly readsHere?: boolean;
  /** Another number after every commit, of whichever process. Only where asking costs next to nothing. */
  version?(): number;
  /** Where it is written on the event loop: are there changes that this process was asked for and has not answered? */
  waiting?(): boolean;
  /**
   * Decide and commit one operation: all or nothing, with its event (store/change.ts).
   * @throws whatever `decide` throws; `StoreBusy`, `StoreFull`, `ChangeConflict`, `HistoryLost`
   */
  change<T>(request: ChangeRequest<T>): Promise<T>;
  /** Decide the same and commit nothing (store/rehearse.ts). */
  rehearse<T>(request: ChangeRequest<T>): Promise<T>;
  /** The newest heads that this process was told of by its commits, whatever the database holds by now. */
  readonly acknowledged: KnownHeads;
  /**
   * Commit statements that change no state and so have no event: renewal, leases, last-used times. All or none.
   * @param urgent what withholds: on a full disk it is committed like a cut, from what is kept for those
   */
  write(statements: readonly Statement[], options?: { readonly urgent?: boolean }): Promise<void>;
  /**
   * Prove that something could be written now, and change nothing that anyone keeps in memory.
   * @throws `StoreBusy`, `StoreFull`, and whatever else keeps a write from being made
   */
  probe(): Promise<void>;
  /** Where the engine keeps a log beside the data: what was erased goes out of that too, unless somebody is reading it. */
  scrub?(): void;
}
