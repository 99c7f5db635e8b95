import type { Context } from 'hono';
import { federationError } from '../edge/federation-error.js';
import type { ServedArtefact } from '../store/published.js';

/** What the kill switch must reach is fresh for at most this long in anyone's cache (seconds). */
export const MAX_AGE = 5;

interface Ready {
  readonly headers: Record<string, string>;
}
const ready = new WeakMap<ServedArtefact, Ready>();

function headersOf(artefact: ServedArtefact, now: number): Record<string, string> {
  let known = ready.get(artefact);
  if (!known) {
    known = {
      headers: { 'content-type': artefact.mediaType, etag: artefact.etag, 'cache-control': `public, max-age=${MAX_AGE}`, 'access-control-allow-origin': '*' },
    };
    ready.set(artefact, known);
  }
  // A cache never keeps a signed answer beyond its own end (SE-08).
  if (artefact.exp !== null && artefact.exp - now < MAX_AGE) return { ...known.headers, 'cache-control': `public, max-age=${artefact.exp - now}` };
  return known.headers;
}

/** RFC 9110 §13.1.2: a list of entity tags, weakly compared. */
const matches = (header: string, etag: string): boolean => header.split(',').some((one) => one.trim().replace(/^W\//, '') === etag || one.trim() === '*');

/**
 * Stored bytes as they are. Past its `cap` an artefact is gone (404); late for renewal it is withheld (503): an expired
 * statement is never served.
 * @param authenticated answers to authenticated requests are not cached by others
 */
export function serveArtefact(c: Context, artefact: ServedArtefact | undefined, now: number, missing: string, authenticated = false): Response {
  if (!artefact || (artefact.cap !== null && artefact.cap <= now)) return federationError(c, 'not_found', missing);
  if (artefact.exp !== null && artefact.exp <= now)
    return federationError(c, 'temporarily_unavailable', 'it is being signed anew; try again shortly', { 'retry-after': '10' });
  if (authenticated) return c.body(artefact.bytes, 200, { 'content-type': artefact.mediaType, 'cache-control': 'no-store' });
  const headers = headersOf(artefact, now);
  const known = c.req.header('if-none-match');
  if (known !== undefined && matches(known, artefact.etag)) {
    const { 'content-type': _, ...rest } = headers;
    return c.body(null, 304, rest);
  }
  return c.body(artefact.bytes, 200, headers);
}
