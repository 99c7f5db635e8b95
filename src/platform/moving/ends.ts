import type { Database } from '../../store/database.js';
import type { Dormant } from '../../store/dormant.js';
import type { MovedTable, Row } from './tables.node.js';

/** A client assertion that was accepted: accepted once wherever the store lies (RFC 7523 §3, `jti`). */
export interface Spent {
  readonly issuer: string;
  readonly jti: string;
  readonly exp: number;
}

interface End {
  /** Where it is, as people may read it: without a password. */
  readonly at: string;
  readonly db: Database;
  /** `ok`, or what the engine's own check found; undefined where it has none. */
  integrity(): string | undefined;
  /** All rows of a table in lots, in order. */
  rows(table: MovedTable): AsyncIterable<readonly Row[]>;
  /** What is known of a cell that JavaScript cannot show; undefined: nothing is wrong. */
  hidden?(table: MovedTable, row: Row, column: number): string | undefined;
}

/** A store that is read as it was at one moment, while nobody writes to it. */
export interface Source extends End {
  /** A process serves it: what is read is no more than a look. */
  readonly served: boolean;
  /** Assertions that were spent, and have not ended. */
  spent(now: number): Promise<readonly Spent[]>;
  /** Committed when it returns; the store is not read after it. */
  makeDormant(one: Dormant): Promise<void>;
  takeBack(one: Dormant): Promise<void>;
  close(): Promise<void>;
}

/** A store that does not exist for anybody else until it is committed. */
export interface Target extends End {
  put(table: MovedTable, rows: readonly Row[]): Promise<void>;
  /** All rows are there. */
  filled(): Promise<void>;
  /** @returns how many it did not know */
  spend(all: readonly Spent[]): Promise<number>;
  makeDormant(one: Dormant): Promise<void>;
  /**
   * From here on it is a store.
   * @throws CommitUnknown when nobody can say whether it is
   */
  commit(): Promise<void>;
  /** Without a commit nothing is left of it. */
  close(): Promise<void>;
}

export class CommitUnknown extends Error {}
