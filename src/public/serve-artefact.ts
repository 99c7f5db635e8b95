import type { Context } from 'hono';
import { federationError } from '../edge/federation-error.js';
import type { ServedArtefact } from '../store/published.js';

/** What the kill switch must reach is fresh for at most this long in anyone's cache (seconds). */
export const MAX_AGE = 5;

/** An artefact with the headers it goes out with: what the hot path keeps under a URL. */
export interface Ready {
  readonly artefact: ServedArtefact;
  readonly headers: Record<string, string>;
}

export const ready = (artefact: ServedArtefact): Ready => ({
  artefact,
  headers: { 'content-type': artefact.mediaType, etag: artefact.etag, 'cache-control': `public, max-age=${MAX_AGE}`, 'access-control-allow-origin': '*' },
});

/** RFC 9110 §13.1.2: a list of entity tags, weakly compared. */
const matches = (header: string, etag: string): boolean => header.split(',').some((one) => one.trim().replace(/^W\//, '') === etag || one.trim() === '*');

/** What cannot be served, past its cap or late for renewal: an expired statement is never served. */
function unavailable(c: Context, { cap, exp }: ServedArtefact, now: number): Response | undefined {
  if (cap !== null && cap <= now) return federationError(c, 'not_found', 'this entity does not publish it any more');
  if (exp !== null && exp <= now) return federationError(c, 'temporarily_unavailable', 'it is being signed anew; try again shortly', { 'retry-after': '10' });
  return undefined;
}

/** Stored bytes as they are, to anyone. */
export function serveReady(c: Context, { artefact, headers }: Ready, now: number): Response {
  const { exp, etag } = artefact;
  const away = unavailable(c, artefact, now);
  if (away) return away;
  // A cache never keeps a signed answer beyond its own end (SE-08).
  const fresh = exp !== null && exp - now < MAX_AGE ? { ...headers, 'cache-control': `public, max-age=${exp - now}` } : headers;
  const known = c.req.raw.headers.get('if-none-match');
  if (known === null || !matches(known, etag)) return c.body(artefact.bytes, 200, fresh);
  const { 'content-type': _, ...rest } = fresh;
  return c.body(null, 304, rest);
}

/** Stored bytes to an authenticated caller: nobody else may cache them. */
export function servePrivately(c: Context, artefact: ServedArtefact, now: number): Response {
  return unavailable(c, artefact, now) ?? c.body(artefact.bytes, 200, { 'content-type': artefact.mediaType, 'cache-control': 'no-store' });
}
