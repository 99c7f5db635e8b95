import type { Context } from 'hono';
import { federationError } from '../edge/federation-error.js';
import { GROUPS, LIST_PAGE, type ListFilter, type MaybePromise, type Published, type ServedAuthority } from '../store/published.js';
import type { Spell } from './canonical.js';
import type { Keep } from './built-lists.js';
import { serveIdentifiers } from './identifiers.js';
import { MAX_IDENTIFIER } from './parameters.js';

export const MAX_TYPES = 20;
/** Answers that are kept of one authority: to all members, by one Entity Type, by a union of several. */
const KEPT = [4, 64, 16] as const;

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
  if ([...entityTypes, ...trustMarkTypes].some((text) => text.length > MAX_IDENTIFIER)) return `a filter has more than ${MAX_IDENTIFIER} characters`;
  return {
    entityTypes: [...new Set(entityTypes)].sort(),
    intermediate: query.get('intermediate') === 'true',
    trustMarked: query.get('trust_marked') === 'true',
    trustMarkTypes,
  };
}

export interface ListRequest {
  readonly query: URLSearchParams;
  /** Seconds since the epoch. */
  readonly now: () => number;
  readonly authenticated: boolean;
  readonly spell: Spell;
}

/** Immediate Subordinates that are active, a plain JSON array (OpenID Federation 1.0 §8.2). */
export function serveList(
  c: Context,
  published: Published,
  authority: ServedAuthority,
  { query, now, authenticated, spell }: ListRequest,
): MaybePromise<Response> {
  const filter = listFilter(query);
  if (typeof filter === 'string') return federationError(c, 'invalid_request', filter);
  // Whether marks are still valid changes with time, so answers about marks are not kept.
  const timeless = !filter.trustMarked && filter.trustMarkTypes.length === 0 && !authenticated;
  return serveIdentifiers(c, published, {
    page: (after) => published.listPage(authority.id, filter, after, LIST_PAGE, now()),
    keep: timeless ? keepList(authority, filter, spell) : undefined,
    now,
    authenticated,
  });
}

/** By the filters in force, however they were written. */
function keepList({ id }: ServedAuthority, { entityTypes, intermediate }: ListFilter, spell: Spell): Keep {
  const several = Math.min(entityTypes.length, 2) as 0 | 1 | 2;
  return {
    as: `${id} list ${JSON.stringify([intermediate, ...entityTypes])}`,
    share: { of: GROUPS.lists(id, several), atMost: KEPT[several] },
    empty: several === 0,
    endless: several === 2,
    spell: (held, again) => !intermediate && spell(held, again, [entityTypes.map((type) => ['entity_type', type] as const)]),
  };
}
