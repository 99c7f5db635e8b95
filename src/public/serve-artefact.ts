import type { Context } from 'hono';
import { conditional } from '../edge/conditional.js';
import { federationError } from '../edge/federation-error.js';
import { type ServedArtefact, servedAs } from '../store/published.js';

/** What the kill switch must reach is fresh for at most this long in anyone's cache (seconds). */
export const MAX_AGE = 5;

/** Of Client ID Metadata Documents: servers that do not ask again on every use remember them for as long (seconds). */
export const CLIENT_MAX_AGE = 60;

const RETRY_AFTER = 10;

/** What is asked for anew each time is not kept beyond that when nobody answers either (RFC 9111 §5.2.2.2). */
const cacheFor = (maxAge: number): string => (maxAge === 0 ? 'public, max-age=0, must-revalidate' : `public, max-age=${maxAge}`);

/** What the hot path finds under a URL. Gives nothing when the answer must be made anew. */
export type Spelled = (c: Context, now: number) => Response | undefined;
/** Bytes that it costs beside what it serves: headers and the function that has them. */
export const SPELLED_BYTES = 500;

/** An artefact with the headers it goes out with. */
export interface Ready {
  readonly artefact: ServedArtefact;
  readonly headers: Readonly<Record<string, string>> & { readonly etag: string };
  /** Seconds. */
  readonly maxAge: number;
  /** When it is worth asking again while it is being signed anew (seconds). */
  readonly retryAfter: number;
}

export const ready = (artefact: ServedArtefact, maxAge = MAX_AGE, retryAfter = RETRY_AFTER): Ready => ({
  artefact,
  maxAge,
  retryAfter,
  headers: { 'content-type': artefact.mediaType, etag: artefact.etag, 'cache-control': cacheFor(maxAge), 'access-control-allow-origin': '*' },
});

/** What cannot be served, past its cap, withheld or late for renewal: an expired statement is never served. */
function unavailable(c: Context, artefact: ServedArtefact, now: number, retryAfter = RETRY_AFTER): Response | undefined {
  const as = servedAs(artefact, now);
  if (as === 'gone') return federationError(c, 'not_found', 'this entity does not publish it any more');
  if (as === 'late') return federationError(c, 'temporarily_unavailable', 'it is being signed anew; try again shortly', { 'retry-after': String(retryAfter) });
  return undefined;
}

/** Stored bytes as they are, to anyone. */
export function serveReady(c: Context, { artefact, headers, maxAge, retryAfter }: Ready, now: number): Response {
  const away = unavailable(c, artefact, now, retryAfter);
  if (away) return away;
  // A cache never keeps a signed answer beyond its own end (SE-08), or the end of what it rests on. A configuration that a
  // member signed may end at a fraction of a second; delta-seconds have none (RFC 9111 §1.2.2).
  const left = Math.floor(Math.min(artefact.exp ?? Number.POSITIVE_INFINITY, artefact.cap ?? Number.POSITIVE_INFINITY) - now);
  const fresh = left < maxAge ? { ...headers, 'cache-control': `public, max-age=${left}` } : headers;
  return conditional(c, artefact.bytes, fresh);
}

/** The same again, from the artefact alone: a function made where a request is answered would keep that request. */
export const serveAgain =
  (fresh: Ready): Spelled =>
  (c, now) =>
    serveReady(c, fresh, now);

/** Stored bytes to whoever asked by POST: nobody else may cache them. */
export function servePrivately(c: Context, artefact: ServedArtefact, now: number): Response {
  const headers = { 'content-type': artefact.mediaType, 'cache-control': 'no-store', 'access-control-allow-origin': '*' };
  return unavailable(c, artefact, now) ?? c.body(artefact.bytes, 200, headers);
}
