import type { Context } from 'hono';
import { andThen, isPromise, type MaybePromise, type Page, type Published } from '../store/published.js';
import { type Begun, begin, built, encoded, type Keep, keep as keepAnswer, listAnswer } from './built-lists.js';
import { KeptAnswer } from './kept-answer.js';
import { earlier, Pages, type ReadPage, readPiece } from './pieces.js';
import { MAX_AGE } from './serve-artefact.js';
import { keepTag, tagOf } from './streamed-tags.js';

const PUBLIC = { 'content-type': 'application/json', 'cache-control': `public, max-age=${MAX_AGE}`, 'access-control-allow-origin': '*' };
const PRIVATE = { 'content-type': 'application/json', 'cache-control': 'no-store', 'access-control-allow-origin': '*' };

export interface Identifiers {
  readonly page: ReadPage;
  /** Undefined: never. */
  readonly keep?: Keep | undefined;
  /** Seconds since the epoch. A list that is read slowly goes on being read as things are by then. */
  readonly now: () => number;
  /** The caller authenticated: nobody else may cache the answer. */
  readonly authenticated: boolean;
}

/**
 * A plain JSON array of Entity Identifiers, with an entity tag: of one page at once, a longer one from what was built of it, streamed
 * where that is not to be had. HEAD reads no rows.
 */
export function serveIdentifiers(c: Context, published: Published, { page, keep, now, authenticated }: Identifiers): MaybePromise<Response> {
  const again = keep && published.remembered<KeptAnswer>(keep.as)?.again(c, now());
  if (again) return again;
  const tag = keep && tagOf(published, keep, now());
  const headers = authenticated ? PRIVATE : { ...PUBLIC, ...tag?.headers(now()) };
  if (tag?.isKnownTo(c.req.raw.headers.get('if-none-match'))) {
    const { 'content-type': _, ...rest } = headers;
    return c.body(null, 304, rest);
  }
  if (c.req.method === 'HEAD') return c.body(null, 200, headers);
  published.begin();
  const stamp = keep && published.stamp(keep.share.of);
  const pages = new Pages(page);
  const read = pages.after('');
  const here = !isPromise(read);
  return andThen(read, (first) => {
    const begun = begin(first);
    const whole = (until: number | null) => keep && !tag && keepTag(published, keep, until, stamp);
    const streamed = (from: Begun) => c.body(stream(from, pages, here, whole), 200, headers);
    if (first.next === undefined) {
      const body = `[${first.json}]`;
      if (authenticated) return c.body(body, 200, headers);
      const answer = listAnswer(body, first.until);
      if (keep) keepAnswer(published, keep, answer, stamp);
      return answer.send(c, now());
    }
    if (authenticated) return streamed(begun);
    const answer = built(published, { first, pages, here, keep, stamp, isGone: () => c.req.raw.signal.aborted });
    if (!answer) return streamed(begun);
    return answer.then((made) => {
      // Begun for somebody who came before an end in it: it is not the list of whoever comes after that.
      if (made.until !== null && made.until <= now()) return streamed(begun);
      return made instanceof KeptAnswer ? made.send(c, now()) : streamed(made);
    });
  });
}

/**
 * Piece by piece, each read only when the one before was taken: memory stays a page and a piece, whoever reads slowly.
 * @param whole told when all of it was read, with the first end in it
 */
function stream({ parts, next: after, until: first }: Begun, pages: Pages, here: boolean, whole: (until: number | null) => void): ReadableStream<Uint8Array> {
  const waiting = [Uint8Array.of(OPEN), ...parts.filter((part) => part.length > 0)];
  let begun = waiting.length > 1;
  let next = after;
  let until = first;
  let gone = false;
  return new ReadableStream(
    {
      async pull(controller) {
        const ready = waiting.shift();
        if (ready) return controller.enqueue(ready);
        // Pages of which nothing passes the filter write nothing, and then nobody would ask for the next one.
        for (let wrote = false; !wrote && !gone && next !== undefined; ) {
          const now: Page = await readPiece(pages, next, here);
          next = now.next;
          until = earlier(until, now.until);
          const part = encoded(now.json, begun);
          wrote = part.length > 0;
          if (wrote && !gone) controller.enqueue(part);
          begun ||= wrote;
        }
        if (next !== undefined || gone) return;
        whole(until);
        controller.enqueue(Uint8Array.of(CLOSE));
        controller.close();
      },
      cancel() {
        gone = true;
      },
    },
    // Nothing is read ahead.
    { highWaterMark: 0 },
  );
}
const [OPEN, CLOSE] = [0x5b, 0x5d];
