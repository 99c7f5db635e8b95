/** What the public plane needs of SQLite, on Node and on Bun alike. */
export interface LightStatement {
  all(...params: readonly unknown[]): unknown[];
  /** Undefined where there is no row. */
  get(...params: readonly unknown[]): unknown;
  run(...params: readonly unknown[]): unknown;
  /** The first column alone. */
  pluck(): Pick<LightStatement, 'all' | 'get'>;
}

export interface LightDatabase {
  prepare(sql: string): LightStatement;
  exec(sql: string): unknown;
  pragma(source: string): unknown;
  transaction<T>(work: () => T): { immediate(): T };
  close(): unknown;
}

/** @param timeout how long a lock is waited for (milliseconds) */
export interface LightOptions {
  readonly readonly?: boolean;
  readonly fileMustExist?: boolean;
  readonly timeout?: number;
}
