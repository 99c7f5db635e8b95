import type { Context } from 'hono';
import { federationError } from '../edge/federation-error.js';
import { parseEntityId, parseJws } from '../federation/entry.js';
import {
  andThen,
  GROUPS,
  isPromise,
  type ListedEntities,
  type ListedEntity,
  type MaybePromise,
  type Published,
  type ServedAuthority,
} from '../store/published.js';
import { type Keep, keep, listAnswer } from './built-lists.js';
import type { Spell } from './canonical.js';
import type { KeptAnswer } from './kept-answer.js';
import { listFilter } from './list.js';
import { MAX_IDENTIFIER } from './parameters.js';
import { earlier, fitting } from './pieces.js';
import { MAX_AGE } from './serve-artefact.js';
import { breath, turn } from './turns.js';

/** Entries a page has at most; fewer when they carry their statements, or are long (pieces.ts). */
const MAX_PAGE = 1000;
const MAX_PAGE_WITH_CLAIMS = 100;
const MAX_CLAIMS = 50;
const MAX_MARK_TYPES = 20;

const ONCE = ['from', 'from_entity_id', 'limit', 'updated_after', 'updated_before', 'audit_timestamps'];

interface Asked {
  readonly from: string;
  readonly limit: number;
  readonly after: number | undefined;
  readonly before: number | undefined;
  readonly timestamps: boolean;
  readonly claims: readonly string[];
}

type Refused = readonly [code: 'invalid_request' | 'page_not_found', description: string];
const bad = (description: string): Refused => ['invalid_request', description];

/** Where the page begins: a cursor of ours (`from`), or an Entity Identifier (`from_entity_id`). */
function start(query: URLSearchParams, development: boolean): { readonly from: string } | Refused {
  const [cursor, entity] = [query.get('from'), query.get('from_entity_id')];
  if ((entity ?? '').length > MAX_IDENTIFIER) return bad(`from_entity_id has more than ${MAX_IDENTIFIER} characters`);
  if (cursor === null && !entity) return { from: '' };
  if (cursor !== null && entity && cursor !== entity) return bad('from and from_entity_id name different pages');
  // Our cursors are Entity Identifiers. One of a member that is gone still says where its page begins.
  if (parseEntityId(cursor ?? entity ?? '', { development }).ok) return { from: cursor ?? entity ?? '' };
  return cursor === null ? bad('from_entity_id is no Entity Identifier') : ['page_not_found', 'from is none of the cursors given out as next'];
}

/** A NumericDate (RFC 7519 §2); undefined when absent, null when it is none. */
function time(query: URLSearchParams, name: string): number | undefined | null {
  const text = query.get(name);
  if (text === null) return undefined;
  return /^\d{1,12}(\.\d{1,9})?$/.test(text) ? Number(text) : null;
}

/** The parameters of the draft; those of the plain listing are read by `listFilter`. */
function asked(query: URLSearchParams, development: boolean): Asked | Refused {
  for (const name of ONCE) if (query.getAll(name).length > 1) return bad(`${name} is given more than once`);
  const begin = start(query, development);
  if (!('from' in begin)) return begin;
  const [after, before] = [time(query, 'updated_after'), time(query, 'updated_before')];
  if (after === null || before === null) return bad(`${after === null ? 'updated_after' : 'updated_before'} is no NumericDate`);
  const limit = query.get('limit') ?? String(MAX_PAGE);
  if (!/^\d{1,12}$/.test(limit) || Number(limit) === 0) return bad('limit is a positive integer');
  const timestamps = query.get('audit_timestamps');
  if (timestamps !== null && timestamps !== 'true' && timestamps !== 'false') return bad('audit_timestamps is true or false');
  const claims = [...new Set(query.getAll('claims').flatMap((one) => one.split(/[\s,]+/).filter(Boolean)))];
  if (claims.length > MAX_CLAIMS) return bad(`claims names more than ${MAX_CLAIMS} claims`);
  return {
    ...begin,
    limit: Math.min(claims.length ? MAX_PAGE_WITH_CLAIMS : MAX_PAGE, Number(limit)),
    after,
    before,
    // Whoever asks by time wants to see the times, unless it says that it does not.
    timestamps: timestamps === null ? after !== undefined || before !== undefined : timestamps === 'true',
    claims,
  };
}

/** Pages that are kept of one authority. */
const KEPT = 64;

export interface Listing {
  readonly spell: Spell;
  /** Seconds since the epoch. */
  readonly now: number;
  readonly authenticated: boolean;
  readonly development: boolean;
}

/**
 * Immediate Subordinates by pages, with what is asked of each: the statement itself, single claims of it, times of
 * registration and last change. By the names of Implementer's Draft 1 (2026-07-02: `from`, `next`, `page_not_found`) and by
 * those of the working group's draft -02 (2025-04: `from_entity_id`, `next_entity_id`) of OpenID Federation Extended
 * Subordinate Listing. In both a statement comes only when `claims` asks for it; only draft -00 sent it unasked.
 */
export function serveExtendedList(
  c: Context,
  published: Published,
  authority: ServedAuthority,
  query: URLSearchParams,
  { now, authenticated, development, spell }: Listing,
): MaybePromise<Response> {
  const filter = listFilter(query, MAX_MARK_TYPES);
  if (typeof filter === 'string') return federationError(c, 'invalid_request', filter);
  const ask = asked(query, development);
  if (!('limit' in ask)) return federationError(c, ...ask);
  const extended = { ...filter, updatedAfter: ask.after, updatedBefore: ask.before };
  // Whether marks are still valid changes with time, and of sizes and moments there is no end.
  const timeless = !filter.trustMarked && filter.trustMarkTypes.length === 0 && ask.after === undefined && ask.before === undefined && !authenticated;
  const wanted = timeless && !query.has('limit') ? keepPage(authority, [filter.intermediate, filter.entityTypes], ask, spell) : undefined;
  const again = wanted && published.remembered<KeptAnswer>(wanted.as)?.again(c, now);
  if (again) return again;
  const stamp = wanted && published.stamp(wanted.share.of);
  const isGone = () => c.req.raw.signal.aborted;
  return andThen(
    lookedAt(published, authority.id, (from, limit) => published.extendedPage(authority.id, extended, from, limit, now), ask, isGone),
    (looked) => {
      if (!looked) return federationError(c, 'not_found', 'this entity lists nobody');
      const { entities: rows, until } = looked;
      const entities = fitting(rows.slice(0, ask.limit), (row) => JSON.stringify(entry(row, ask)));
      const next = rows[entities.length]?.entityId;
      const more = next === undefined ? '' : `,"next":${JSON.stringify(next)},"next_entity_id":${JSON.stringify(next)}`;
      const found = `{"immediate_subordinate_entities":[${entities.join(',')}]${more}}`;
      if (wanted) {
        const answer = listAnswer(found, until);
        if (entities.length > 0) keep(published, wanted, answer, stamp);
        return answer.send(c, now);
      }
      return c.body(found, 200, {
        'content-type': 'application/json',
        'cache-control': authenticated ? 'no-store' : `public, max-age=${MAX_AGE}`,
        'access-control-allow-origin': '*',
      });
    },
  );
}

interface Looked {
  readonly entities: readonly ListedEntity[];
  readonly until: number | null;
}

/**
 * A page of those that pass: piece by piece where few do, and others have a turn in between. Of whoever has gone no more is looked for.
 * @returns undefined: the authority was halted meanwhile
 */
function lookedAt(
  published: Published,
  authorityId: string,
  read: (from: string, limit: number) => MaybePromise<ListedEntities>,
  { from: first, limit }: Asked,
  isGone: () => boolean,
): MaybePromise<Looked | undefined> {
  const found: ListedEntity[] = [];
  let until: number | null = null;
  const more = (from: string): MaybePromise<Looked | undefined> => {
    const page = read(from, limit + 1 - found.length);
    const rest = isPromise(page) ? breath : turn;
    return andThen(page, (now) => {
      found.push(...now.entities);
      until = earlier(until, now.until);
      const next = now.rest;
      if (next === undefined || isGone()) return { entities: found, until };
      return rest().then(async () => {
        published.begin();
        return (await published.isActive(authorityId)) ? more(next) : undefined;
      });
    });
  };
  return more(first);
}

/** By what is asked, however it was written; the URL leads to whole pages as `next` names them. */
function keepPage({ id }: ServedAuthority, filters: readonly unknown[], { from, timestamps, claims }: Asked, spell: Spell): Keep {
  const whole = !timestamps && claims.length === 0 && JSON.stringify(filters) === '[false,[]]';
  return {
    as: `${id} page ${JSON.stringify([...filters, from, timestamps, claims])}`,
    share: { of: GROUPS.pages(id), atMost: KEPT },
    empty: false,
    spell: (held, again) => whole && spell(held, again, [from === '' ? [] : [['from', from]]]),
  };
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
