import type { Context } from 'hono';
import { hashed } from '../federation/sha256.js';
import { federationError } from '../edge/federation-error.js';
import { KEYS, andThen, LIST_PAGE, type MaybePromise, type Page, type Published, type ServedAuthority } from '../store/published.js';
import { serveIdentifiers } from './identifiers.js';
import { one } from './parameters.js';
import { aboutMark, keptBytes } from './kept-answer.js';
import { servePrivately } from './serve-artefact.js';

/** What a mark's bytes hash to: hashing costs more than all else that is done to answer. */
interface Hashed {
  readonly hash: string;
}
const HASHED_BYTES = 200;

/**
 * The status of a mark by its very bytes (OpenID Federation 1.0 §8.4). A mark whose exact bytes we did not issue, a forged
 * one included, is 404: signing over a stranger's bytes would make us a signing oracle.
 */
export function serveMarkStatus(
  c: Context,
  published: Published,
  authority: ServedAuthority,
  form: URLSearchParams,
  { now, posted }: { readonly now: number /** The URL that may lead to the answer, as things are by then. */; readonly posted: () => string | undefined },
): MaybePromise<Response> {
  const mark = one(form, 'trust_mark', Number.POSITIVE_INFINITY);
  if (!mark.ok) return federationError(c, 'invalid_request', mark.description);
  const known = KEYS.markHash(mark.value);
  const kept = published.remembered<Hashed>(known);
  const hash = kept?.hash ?? hashed.base64url(mark.value);
  return andThen(published.markStatus(authority.id, hash, now), (found) => {
    // Of those that were issued only: strangers could ask for ever new ones.
    if (found !== undefined && !kept) published.remember(known, { hash } satisfies Hashed, HASHED_BYTES);
    if (found === undefined) return federationError(c, 'not_found', 'this entity issued no such trust mark');
    if (found === 'due') return federationError(c, 'temporarily_unavailable', 'the answer is being signed; try again shortly', { 'retry-after': '10' });
    return servePrivately(c, found, now, (answer) => {
      const url = posted();
      if (url !== undefined) published.spell(aboutMark(url, mark.value), KEYS.artefact(authority.id, 'mark_status', hash), answer, keptBytes(answer));
    });
  });
}

/** Entities with a still valid mark of a type, a plain JSON array (§8.5). Of a type never issued here: an empty one. */
export function serveMarkedEntities(
  c: Context,
  published: Published,
  authority: ServedAuthority,
  query: URLSearchParams,
  now: () => number,
  authenticated: boolean,
): MaybePromise<Response> {
  const type = one(query, 'trust_mark_type');
  if (!type.ok) return federationError(c, 'invalid_request', type.description);
  const sub = query.has('sub') ? one(query, 'sub') : undefined;
  if (sub && !sub.ok) return federationError(c, 'invalid_request', sub.description);
  const all = (after: string) => published.markedPage(authority.id, type.value, after, LIST_PAGE, now());
  const narrowed = (id: string) =>
    andThen(
      published.artefact(authority.id, 'mark', `${type.value}\n${id}`),
      (mark): Page => ({
        json: mark && !mark.withheld && Math.min(mark.exp ?? 0, mark.cap ?? Number.POSITIVE_INFINITY) > now() ? JSON.stringify(id) : '',
        next: undefined,
        until: null,
      }),
    );
  // Which marks are still valid changes with time: never kept.
  return serveIdentifiers(c, published, { page: sub?.ok ? () => narrowed(sub.value) : all, now, authenticated });
}
