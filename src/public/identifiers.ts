import type { Context } from 'hono';
import { andThen, type MaybePromise, type Page, type Published } from '../store/published.js';
import { type Begun, built, encoded, type Keep, keep as keepAnswer, listAnswer, pause } from './built-lists.js';
import { KeptAnswer } from './kept-answer.js';
import { MAX_AGE } from './serve-artefact.js';

const PUBLIC = { 'content-type': 'application/json', 'cache-control': `public, max-age=${MAX_AGE}`, 'access-control-allow-origin': '*' };
const PRIVATE = { 'content-type': 'application/json', 'cache-control': 'no-store', 'access-control-allow-origin': '*' };

export interface Identifiers {
  /** Identifiers after one, in byte order. */
  readonly page: (after: string) => MaybePromise<Page>;
  /** Undefined: never. */
  readonly keep?: Keep | undefined;
  readonly now: number;
  /** The caller authenticated: nobody else may cache the answer. */
  readonly authenticated: boolean;
}

/**
 * A plain JSON array of Entity Identifiers, with an entity tag: of one page at once, a longer one from what was built of it, streamed
 * where that is not to be had. HEAD reads no rows.
 */
export function serveIdentifiers(c: Context, published: Published, { page, keep, now, authenticated }: Identifiers): MaybePromise<Response> {
  const again = keep && published.remembered<KeptAnswer>(keep.as)?.again(c, now);
  if (again) return again;
  const headers = authenticated ? PRIVATE : PUBLIC;
  if (c.req.method === 'HEAD') return c.body(null, 200, headers);
  published.begin();
  const stamp = keep && published.stamp(keep.share.of);
  return andThen(page(''), (first) => {
    const streamed = (from: Begun | undefined) => c.body(stream(from ?? { parts: [], next: '' }, page), 200, headers);
    if (first.next === undefined) {
      const body = JSON.stringify(first.ids);
      if (authenticated) return c.body(body, 200, headers);
      const answer = listAnswer(body, first.until);
      if (keep) keepAnswer(published, keep, answer, stamp);
      return answer.send(c, now);
    }
    if (authenticated) return streamed(undefined);
    const whole = built(published, { first, page, keep, stamp, isGone: () => c.req.raw.signal.aborted });
    if (!whole) return streamed(undefined);
    return whole.then((answer) => (answer instanceof KeptAnswer ? answer.send(c, now) : streamed(answer)));
  });
}

/** Page by page, each read only when the one before was taken: memory stays one page, whoever reads slowly. */
function stream({ parts, next: after }: Begun, page: (after: string) => MaybePromise<Page>): ReadableStream<Uint8Array> {
  const waiting = [Uint8Array.of(OPEN), ...parts];
  let begun = parts.length > 0;
  let next = after;
  let gone = false;
  return new ReadableStream({
    async pull(controller) {
      const ready = waiting.shift();
      if (ready) return controller.enqueue(ready);
      // A page of which nothing passes the filter writes nothing, and then nobody would ask for the next one.
      for (let wrote = false; !wrote && !gone && next !== undefined; ) {
        await pause();
        const now: Page = await page(next);
        next = now.next;
        const part = encoded(now.ids, begun);
        wrote = part.length > 0;
        if (wrote && !gone) controller.enqueue(part);
        begun ||= wrote;
      }
      if (next !== undefined || gone) return;
      controller.enqueue(Uint8Array.of(CLOSE));
      controller.close();
    },
    cancel() {
      gone = true;
    },
  });
}
const [OPEN, CLOSE] = [0x5b, 0x5d];
