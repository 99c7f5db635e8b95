import type { Context } from 'hono';
import { etagOf } from '../edge/etag.js';
import { andThen, bytesOf, type MaybePromise, type Page, type Published, type Share } from '../store/published.js';

import { KEPT_BYTES, KeptAnswer } from './kept-answer.js';
import { MAX_AGE } from './serve-artefact.js';

/** Answers up to this size are whole, with an entity tag; longer ones are streamed page by page. */
export const MAX_WHOLE_BYTES = 64 * 1024;
const PUBLIC = { 'content-type': 'application/json', 'cache-control': `public, max-age=${MAX_AGE}`, 'access-control-allow-origin': '*' };
const PRIVATE = { 'content-type': 'application/json', 'cache-control': 'no-store', 'access-control-allow-origin': '*' };

/** Under which name an answer is kept until the next commit, or until something counted in it ends. */
export interface Keep {
  readonly as: string;
  readonly share: Share;
  /** Also when there is nothing in it: of questions that nothing answers there is no end. */
  readonly empty: boolean;
  /** Let the URL lead to it. */
  readonly spell: (held: object, answer: KeptAnswer) => void;
}

export interface Identifiers {
  /** Identifiers after one, in byte order. */
  readonly page: (after: string) => MaybePromise<Page>;
  /** Undefined: never. */
  readonly keep?: Keep | undefined;
  readonly now: number;
  /** The caller authenticated: nobody else may cache the answer. */
  readonly authenticated: boolean;
}

/** Let other requests in between pages: SQLite answers synchronously. */
const pause = () => new Promise((done) => setTimeout(done, 0));

/** A plain JSON array of Entity Identifiers: whole when small, streamed when long; HEAD reads no rows. */
export function serveIdentifiers(c: Context, published: Published, { page, keep, now, authenticated }: Identifiers): MaybePromise<Response> {
  const again = keep && published.remembered<KeptAnswer>(keep.as)?.again(c, now);
  if (again) return again;
  const headers = authenticated ? PRIVATE : PUBLIC;
  if (c.req.method === 'HEAD') return c.body(null, 200, headers);
  const era = published.begin();
  return andThen(page(''), (first) => (first.next === undefined ? finish(first.ids, first.until) : further(first)));

  /** Page after page, until that is all or it is too long to be answered whole. */
  async function further(first: Page): Promise<Response> {
    const ids = [...first.ids];
    let { next, until } = first;
    let bytes = sizeOf(ids);
    while (next !== undefined && bytes <= MAX_WHOLE_BYTES && !c.req.raw.signal.aborted) {
      await pause();
      const more: Page = await page(next);
      ids.push(...more.ids);
      bytes += sizeOf(more.ids);
      next = more.next;
      until = earlier(until, more.until);
    }
    return next === undefined ? finish(ids, until) : c.body(stream({ ids, next, until }, page), 200, headers);
  }

  function finish(ids: readonly string[], until: number | null): Response {
    const body = JSON.stringify(ids);
    if (authenticated || body.length > MAX_WHOLE_BYTES) return c.body(body, 200, headers);
    const answer = new KeptAnswer(body, PUBLIC['content-type'], etagOf(body), until ?? Number.POSITIVE_INFINITY, MAX_AGE);
    // What was read across a commit is answered and not kept.
    if (keep && (keep.empty || ids.length > 0) && published.begin() === era) {
      published.remember(keep.as, answer, bytesOf(body) + KEPT_BYTES, keep.share);
      keep.spell(answer, answer);
    }
    return answer.send(c, now);
  }
}

/** As the identifiers are written: each in quotes, with a comma. */
const sizeOf = (ids: readonly string[]): number => ids.reduce((sum, id) => sum + id.length + 3, 0);
const earlier = (one: number | null, other: number | null): number | null => (one === null || other === null ? (one ?? other) : Math.min(one, other));

/** Page by page, each read only when the one before was taken: memory stays one page, whoever reads slowly. */
function stream(first: Page, page: (after: string) => MaybePromise<Page>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let begun = false;
  let gone = false;
  let waiting: Page | undefined = first;
  let next: string | undefined;
  return new ReadableStream({
    async pull(controller) {
      // A page of which nothing passes the filter writes nothing, and then nobody would ask for the next one.
      for (let wrote = false; !wrote && !gone; ) {
        if (waiting === undefined) await pause();
        const now = waiting ?? (await page(next as string));
        waiting = undefined;
        next = now.next;
        wrote = now.ids.length > 0;
        if (wrote) controller.enqueue(encoder.encode(`${begun ? ',' : '['}${now.ids.map((id) => JSON.stringify(id)).join(',')}`));
        begun ||= wrote;
        if (next !== undefined) continue;
        if (!gone) controller.enqueue(encoder.encode(begun ? ']' : '[]'));
        if (!gone) controller.close();
        return;
      }
    },
    cancel() {
      gone = true;
    },
  });
}
