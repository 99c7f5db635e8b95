import { createPublished, type Published } from './published.js';
import { NO_CACHE } from './published-cache.js';

/** Where authorities answer changes rarely; each isolate asks again after this time. */
const AUTHORITIES_MS = 5000;

/** The public view on D1: one indexed read a request, nothing kept but the table of authorities. */
export function publishedOnD1(d1: D1Database, milliseconds: () => number): Published {
  const plain = createPublished(
    async (sql, params) =>
      (
        await d1
          .prepare(sql)
          .bind(...params)
          .all()
      ).results,
    NO_CACHE,
  );
  let known: { readonly at: number; readonly authorities: ReturnType<Published['authorities']> } | undefined;
  return {
    ...plain,
    authorities() {
      if (!known || milliseconds() - known.at > AUTHORITIES_MS) {
        const asked = Promise.resolve(plain.authorities());
        const forget = () => {
          known = undefined;
        };
        // Nobody is told for five seconds that there is no authority yet.
        asked.then((found) => found.length === 0 && forget(), forget);
        known = { at: milliseconds(), authorities: asked };
      }
      return known.authorities;
    },
  };
}
