import type { ParamIndexMap, Params, ParamStash, Result, Router } from 'hono/router';

/**
 * A router that looks at the method only: authorities come and go with the database, so which URL is whose is looked up
 * in `routes.ts`, and matching a pattern before that would be work for nothing on the hot path.
 */
export class AnyPathRouter<T> implements Router<T> {
  readonly name = 'AnyPathRouter';
  readonly #handlers = new Map<string, Result<T>>();
  static readonly #none: [[]] = [[]];

  add(method: string, _path: string, handler: T): void {
    const match: [[T, Params][]] = [[[handler, {}]]];
    this.#handlers.set(method, match);
  }

  match(method: string): Result<T> {
    return this.#handlers.get(method) ?? (AnyPathRouter.#none as unknown as [[T, ParamIndexMap][], ParamStash]);
  }
}
