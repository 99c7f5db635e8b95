import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { Context } from 'hono';
import { base64url } from 'jose';
import { andThen, LIST_PAGE, type MaybePromise, type Published } from '../store/published.js';
import { MAX_AGE } from './serve-artefact.js';

/** Answers up to this size are kept until the next commit; longer ones are streamed page by page. */
const MAX_KEPT_BYTES = 64 * 1024;
const HEADERS = { 'content-type': 'application/json', 'cache-control': `public, max-age=${MAX_AGE}`, 'access-control-allow-origin': '*' };

interface Kept {
  /** Something that is counted ends then. */
  readonly until: number | null;
  readonly body: string;
  readonly headers: Record<string, string>;
}

export interface Identifiers {
  /** Identifiers after one, in byte order. */
  readonly page: (after: string) => MaybePromise<readonly string[]>;
  /** Keep the answer under this name until the next commit, or until something counted in it ends; undefined: never. */
  readonly keep?: { readonly as: string; readonly until: () => MaybePromise<number | null> } | undefined;
  readonly now: number;
  /** The caller authenticated: nobody else may cache the answer. */
  readonly authenticated: boolean;
}

/** A plain JSON array of Entity Identifiers: kept when small, streamed when long; HEAD reads no rows. */
export function serveIdentifiers(c: Context, published: Published, { page, keep, now, authenticated }: Identifiers): MaybePromise<Response> {
  const headers = authenticated ? { 'content-type': 'application/json', 'cache-control': 'no-store' } : HEADERS;
  const kept = keep && published.remembered<Kept>(keep.as);
  if (kept && (kept.until === null || now < kept.until)) return answer(c, kept);
  if (c.req.method === 'HEAD') return c.body(null, 200, headers);
  return andThen(page(''), (first) => {
    if (first.length < LIST_PAGE) return finish(JSON.stringify(first));
    const body = JSON.stringify(first);
    if (body.length > MAX_KEPT_BYTES) return c.body(stream(first, page), 200, headers);
    // A full first page may be all there is and still be small.
    return andThen(page(first.at(-1) as string), (second) => (second.length ? c.body(stream(first, page), 200, headers) : finish(body)));
  });

  function finish(body: string): MaybePromise<Response> {
    if (!keep || body.length > MAX_KEPT_BYTES) return c.body(body, 200, headers);
    return andThen(keep.until(), (until) => {
      const fresh: Kept = { until, body, headers: { ...headers, etag: etagOf(body) } };
      published.remember(keep.as, fresh, body.length);
      return answer(c, fresh);
    });
  }
}

const etagOf = (body: string): string => `"${base64url.encode(sha256(utf8ToBytes(body)))}"`;

function answer(c: Context, { body, headers }: Kept): Response {
  if (headers['etag'] !== undefined && c.req.header('if-none-match') === headers['etag']) return c.body(null, 304, headers);
  return c.body(body, 200, headers);
}

/** Page by page, each read only when the one before was taken: memory stays one page, whoever reads slowly. */
function stream(first: readonly string[], page: (after: string) => MaybePromise<readonly string[]>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let next: readonly string[] = first;
  let begun = false;
  return new ReadableStream({
    async pull(controller) {
      const text = next.map((id) => JSON.stringify(id)).join(',');
      controller.enqueue(encoder.encode(`${begun ? (text ? ',' : '') : '['}${text}`));
      begun = true;
      if (next.length < LIST_PAGE) {
        controller.enqueue(encoder.encode(']'));
        controller.close();
        return;
      }
      // Let other requests in between pages: SQLite answers synchronously.
      await new Promise((done) => setTimeout(done, 0));
      next = await page(next.at(-1) as string);
    },
  });
}
