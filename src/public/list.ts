import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { base64url } from 'jose';
import type { Context } from 'hono';
import { federationError } from '../edge/federation-error.js';
import { LIST_PAGE, type ListFilter, type MaybePromise, type Published, type ServedAuthority, andThen } from '../store/published.js';
import { MAX_AGE } from './serve-artefact.js';

/** Answers up to this size are kept until the next commit; longer ones are streamed page by page. */
const MAX_KEPT_BYTES = 64 * 1024;
const MAX_TYPES = 20;
const HEADERS = { 'content-type': 'application/json', 'cache-control': `public, max-age=${MAX_AGE}`, 'access-control-allow-origin': '*' };

interface Kept {
  /** A membership that is counted ends then. */
  readonly until: number | null;
  readonly body: string;
  readonly headers: Record<string, string>;
}

/** The filters of a request, or what is wrong with them. Parameters nobody defined are ignored (§8). */
export function listFilter(query: URLSearchParams): ListFilter | string {
  for (const name of ['trust_marked', 'trust_mark_type', 'intermediate']) if (query.getAll(name).length > 1) return `${name} is given more than once`;
  for (const name of ['trust_marked', 'intermediate']) {
    const value = query.get(name);
    if (value !== null && value !== 'true' && value !== 'false') return `${name} is true or false`;
  }
  const entityTypes = query.getAll('entity_type');
  if (entityTypes.length > MAX_TYPES) return `entity_type is given more than ${MAX_TYPES} times`;
  if ([...entityTypes, query.get('trust_mark_type') ?? ''].some((text) => text.length > 2048)) return 'a filter has more than 2048 characters';
  return {
    entityTypes,
    intermediate: query.get('intermediate') === 'true',
    trustMarked: query.get('trust_marked') === 'true',
    trustMarkType: query.get('trust_mark_type') ?? undefined,
  };
}

/** Immediate Subordinates that are active, a plain JSON array (OpenID Federation 1.0 §8.2). */
export function serveList(
  c: Context,
  published: Published,
  authority: ServedAuthority,
  query: URLSearchParams,
  now: number,
  authenticated = false,
): MaybePromise<Response> {
  const filter = listFilter(query);
  if (typeof filter === 'string') return federationError(c, 'invalid_request', filter);
  const headers = authenticated ? { 'content-type': 'application/json', 'cache-control': 'no-store' } : HEADERS;
  // Whether marks are still valid changes with time, so answers about marks are not kept.
  const timeless = !filter.trustMarked && filter.trustMarkType === undefined && !authenticated;
  const key = `list ${authority.id} ${JSON.stringify(filter)}`;
  const kept = timeless ? published.remembered<Kept>(key) : undefined;
  if (kept && (kept.until === null || now < kept.until)) return answer(c, kept);
  if (c.req.method === 'HEAD') return c.body(null, 200, headers);
  const page = (after: string) => published.listPage(authority.id, filter, after, LIST_PAGE, now);
  return andThen(page(''), (first) => {
    if (first.length < LIST_PAGE) return finish(JSON.stringify(first));
    const body = JSON.stringify(first);
    if (body.length > MAX_KEPT_BYTES) return c.body(stream(first, page), 200, headers);
    // A full first page may be all there is and still be small.
    return andThen(page(first.at(-1) as string), (second) => (second.length ? c.body(stream(first, page), 200, headers) : finish(body)));
  });

  function finish(body: string): MaybePromise<Response> {
    if (!timeless || body.length > MAX_KEPT_BYTES) return c.body(body, 200, headers);
    return andThen(published.nextEnd(authority.id, now), (until) => {
      const fresh: Kept = { until, body, headers: { ...headers, etag: etagOf(body) } };
      published.remember(key, fresh, body.length);
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
