import type { Context } from 'hono';
import { federationError } from '../edge/federation-error.js';
import { parseJws } from '../federation/entry.js';
import { andThen, type ListedEntity, type MaybePromise, type Published, type ServedAuthority } from '../store/published.js';
import { listFilter } from './list.js';
import { MAX_IDENTIFIER } from './parameters.js';
import { MAX_AGE } from './serve-artefact.js';

/** Entries a page has at most; fewer when they carry their statements. */
const MAX_PAGE = 1000;
const MAX_PAGE_WITH_CLAIMS = 100;

interface Asked {
  readonly from: string;
  readonly limit: number;
  readonly after: number | undefined;
  readonly before: number | undefined;
  readonly timestamps: boolean;
  readonly claims: readonly string[];
}

/** The parameters of the draft; those of the plain listing are read by `listFilter`. */
function asked(query: URLSearchParams): Asked | string {
  const number = (name: string): number | undefined | string => {
    const text = query.get(name);
    if (text === null) return undefined;
    return /^\d{1,12}$/.test(text) ? Number(text) : `${name} is a number`;
  };
  const [limit, after, before] = [number('limit'), number('updated_after'), number('updated_before')];
  for (const one of [limit, after, before]) if (typeof one === 'string') return one;
  if (limit === 0) return 'limit is at least 1';
  const timestamps = query.get('audit_timestamps');
  if (timestamps !== null && timestamps !== 'true' && timestamps !== 'false') return 'audit_timestamps is true or false';
  const claims = [...new Set(query.getAll('claims').flatMap((one) => one.split(/[\s,]+/).filter(Boolean)))];
  if (claims.length > 50) return 'claims names more than 50 claims';
  const from = query.get('from_entity_id') ?? '';
  if (from.length > MAX_IDENTIFIER) return `from_entity_id has more than ${MAX_IDENTIFIER} characters`;
  const most = claims.length ? MAX_PAGE_WITH_CLAIMS : MAX_PAGE;
  return {
    from,
    limit: Math.min(most, (limit as number | undefined) ?? most),
    after: after as number | undefined,
    before: before as number | undefined,
    timestamps: timestamps === 'true',
    claims,
  };
}

/**
 * Immediate Subordinates by pages, with what is asked of each (OpenID Federation Extended Subordinate Listing, Implementer's
 * Draft): the statement itself, single claims of it, times of registration and last change. A page begins at
 * `from_entity_id`, which need not exist any more: a member removed between two pages breaks no reader.
 */
export function serveExtendedList(
  c: Context,
  published: Published,
  authority: ServedAuthority,
  query: URLSearchParams,
  now: number,
  authenticated: boolean,
): MaybePromise<Response> {
  const filter = listFilter(query);
  const ask = asked(query);
  if (typeof filter === 'string') return federationError(c, 'invalid_request', filter);
  if (typeof ask === 'string') return federationError(c, 'invalid_request', ask);
  const extended = { ...filter, updatedAfter: ask.after, updatedBefore: ask.before };
  return andThen(published.extendedPage(authority.id, extended, ask.from, ask.limit + 1, now), (rows) => {
    const next = rows.length > ask.limit ? rows[ask.limit]?.entityId : undefined;
    const entities = rows.slice(0, ask.limit).map((row) => entry(row, ask));
    return c.json({ immediate_subordinate_entities: entities, ...(next !== undefined && { next_entity_id: next }) }, 200, {
      'cache-control': authenticated ? 'no-store' : `public, max-age=${MAX_AGE}`,
      'access-control-allow-origin': '*',
    });
  });
}

function entry(row: ListedEntity, { claims, timestamps }: Asked): Record<string, unknown> {
  const wanted = claims.filter((name) => name !== 'subordinate_statement');
  const jws = wanted.length && row.statement !== undefined ? parseJws(row.statement, 'entity-statement+jwt') : undefined;
  const own = jws?.ok ? jws.value.claims : {};
  return {
    ...Object.fromEntries(wanted.filter((name) => Object.hasOwn(own, name)).map((name) => [name, own[name]])),
    id: row.entityId,
    ...(timestamps && { registered: row.registered, updated: row.updated }),
    ...(claims.includes('subordinate_statement') && row.statement !== undefined && { subordinate_statement: row.statement }),
  };
}
