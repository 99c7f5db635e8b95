import type { Context } from 'hono';
import { federationError } from '../edge/federation-error.js';
import { LIST_PAGE, type ListFilter, type MaybePromise, type Published, type ServedAuthority } from '../store/published.js';
import { serveIdentifiers } from './identifiers.js';

const MAX_TYPES = 20;

/**
 * The filters of a request, or what is wrong with them. Parameters nobody defined are ignored (§8).
 * @param markTypes how often `trust_mark_type` may be given: once in the plain listing (§8.2.1)
 */
export function listFilter(query: URLSearchParams, markTypes = 1): ListFilter | string {
  for (const name of ['trust_marked', 'intermediate']) if (query.getAll(name).length > 1) return `${name} is given more than once`;
  for (const name of ['trust_marked', 'intermediate']) {
    const value = query.get(name);
    if (value !== null && value !== 'true' && value !== 'false') return `${name} is true or false`;
  }
  const [entityTypes, trustMarkTypes] = [query.getAll('entity_type'), query.getAll('trust_mark_type')];
  if (entityTypes.length > MAX_TYPES) return `entity_type is given more than ${MAX_TYPES} times`;
  if (trustMarkTypes.length > markTypes) return `trust_mark_type is given more than ${markTypes === 1 ? 'once' : `${markTypes} times`}`;
  if ([...entityTypes, ...trustMarkTypes].some((text) => text.length > 2048)) return 'a filter has more than 2048 characters';
  return {
    entityTypes,
    intermediate: query.get('intermediate') === 'true',
    trustMarked: query.get('trust_marked') === 'true',
    trustMarkTypes,
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
  // Whether marks are still valid changes with time, so answers about marks are not kept.
  const timeless = !filter.trustMarked && filter.trustMarkTypes.length === 0 && !authenticated;
  return serveIdentifiers(c, published, {
    page: (after) => published.listPage(authority.id, filter, after, LIST_PAGE, now),
    keep: timeless ? { as: `list ${authority.id} ${JSON.stringify(filter)}`, until: () => published.nextEnd(authority.id, now) } : undefined,
    now,
    authenticated,
  });
}
