/** A value, or a promise of one: SQLite answers at once, D1 later. The hot path on Node awaits nothing. */
export type MaybePromise<T> = T | Promise<T>;
export type Select = (sql: string, params: readonly unknown[]) => MaybePromise<readonly Record<string, unknown>[]>;

export const isPromise = <T>(value: MaybePromise<T>): value is Promise<T> => value instanceof Promise;
export const andThen = <T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> =>
  isPromise(value) ? value.then(next) : next(value);
