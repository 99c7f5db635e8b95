import type { Context } from 'hono';
import { conditional } from '../edge/conditional.js';
import { etagOf } from '../edge/etag.js';
import { federationError } from '../edge/federation-error.js';
import { type ErrorCode, parseEntityId, UI_CLAIMS, VOUCHED_ISSUERS } from '../federation/entry.js';
import type { CollectedEntity, CollectionLot, Published, ServedAuthority } from '../store/published.js';
import { MAX_TYPES } from './list.js';
import { MAX_IDENTIFIER } from './parameters.js';
import { fitting } from './pieces.js';
import { MAX_AGE } from './serve-artefact.js';

/** Entities of a page at most; fewer where they are long (pieces.ts). */
const MAX_PAGE = 200;
/** Of so many at once is asked whether they pass, and of so many in all for one answer: a filter that nobody passes costs no more. */
const LOT = 250;
const MAX_LOTS = 8;
/** Where nobody is in force for longer, just after a halt of many, so much further is looked for the next one; one request at a time. */
const MAX_SEARCH = 100;
const searching = new WeakSet<Published>();
const MAX_QUERY = 200;
const MAX_CLAIMS = 50;
/** Of the claims of an Entity Info. `trust_marks` is none of them: it is `unsupported_parameter`, and the marks are in what the resolve endpoint signs. */
const ENTITY_CLAIMS: readonly string[] = ['entity_id', 'entity_types', 'ui_infos', VOUCHED_ISSUERS];
const ONCE = ['from_entity_id', 'limit', 'trust_anchor', 'query'];

interface Asked {
  readonly from: string | undefined;
  readonly limit: number;
  readonly trustAnchor: string;
  readonly types: readonly string[];
  readonly marks: readonly string[];
  readonly query: string;
  /** Undefined: all there are. */
  readonly entityClaims: readonly string[] | undefined;
  readonly uiClaims: readonly string[] | undefined;
}

type Refused = readonly [code: ErrorCode, description: string];
const bad = (description: string): Refused => ['invalid_request', description];

/** An array in a query: given several times, or once with commas or spaces. */
const arrayOf = (query: URLSearchParams, name: string): readonly string[] => [
  ...new Set(query.getAll(name).flatMap((one) => one.split(/[\s,]+/).filter(Boolean))),
];

function asked(query: URLSearchParams, self: string, development: boolean): Asked | Refused {
  for (const name of ONCE) if (query.getAll(name).length > 1) return bad(`${name} is given more than once`);
  const from = query.get('from_entity_id') || undefined;
  const limit = query.get('limit') ?? String(MAX_PAGE);
  const trustAnchor = query.get('trust_anchor') || self;
  const text = query.get('query') ?? '';
  const [types, marks] = [query.getAll('entity_type'), query.getAll('trust_mark_type')];
  if (!/^\d{1,12}$/.test(limit) || Number(limit) === 0) return bad('limit is a positive integer');
  if (types.length > MAX_TYPES || marks.length > MAX_TYPES) return bad(`entity_type or trust_mark_type is given more than ${MAX_TYPES} times`);
  if ([...types, ...marks, trustAnchor].some((one) => one.length > MAX_IDENTIFIER)) return bad(`a filter has more than ${MAX_IDENTIFIER} characters`);
  if (text.length > MAX_QUERY) return bad(`query has more than ${MAX_QUERY} characters`);
  if (from !== undefined && !parseEntityId(from, { development }).ok) return bad('from_entity_id is no Entity Identifier');
  const [entityClaims, uiClaims] = [arrayOf(query, 'entity_claims'), arrayOf(query, 'ui_claims')];
  if (entityClaims.length > MAX_CLAIMS || uiClaims.length > MAX_CLAIMS) return bad(`more than ${MAX_CLAIMS} claims are asked for`);
  const strange = entityClaims.some((one) => !ENTITY_CLAIMS.includes(one))
    ? 'entity_claims'
    : uiClaims.some((one) => !isUiClaim(one))
      ? 'ui_claims'
      : undefined;
  const known = strange === 'entity_claims' ? ENTITY_CLAIMS : UI_CLAIMS;
  if (strange) return ['unsupported_parameter', `${strange} names what is not told here; there are ${known.join(', ')}`];
  return {
    from,
    limit: Math.min(MAX_PAGE, Number(limit)),
    trustAnchor,
    types,
    marks,
    query: folded(text),
    entityClaims: entityClaims.length ? entityClaims : undefined,
    uiClaims: uiClaims.length ? uiClaims : undefined,
  };
}

/** A claim in whatever language, or in one: `display_name`, `display_name#de`. */
const isUiClaim = (name: string): boolean => (UI_CLAIMS as readonly string[]).includes(name.split('#')[0] ?? '');
const folded = (text: string): string => text.normalize('NFKC').toLowerCase();

/** What a query is looked for in: the identifier, names, descriptions and keywords, not the URLs. */
function matches({ entityId, uiInfos }: CollectedEntity, query: string): boolean {
  if (query === '' || entityId.toLowerCase().includes(query)) return true;
  return Object.values(uiInfos).some((claims) =>
    Object.entries(claims).some(([name, value]) => !name.includes('_uri') && [value].flat().some((one) => folded(String(one)).includes(query))),
  );
}

const passes = (one: CollectedEntity, { types, marks, query }: Asked): boolean =>
  (types.length === 0 || one.types.some((type) => types.includes(type))) && marks.every((type) => one.marks.includes(type)) && matches(one, query);

function infosOf({ uiInfos }: CollectedEntity, { types, uiClaims }: Asked) {
  return Object.fromEntries(
    Object.entries(uiInfos)
      .filter(([type]) => types.length === 0 || type === 'federation_entity' || types.includes(type))
      .map(([type, claims]) => {
        const shown = Object.entries(claims).filter(([name]) => !uiClaims || uiClaims.includes(name) || uiClaims.includes(name.split('#')[0] ?? ''));
        return [type, Object.fromEntries(shown)] as const;
      })
      .filter(([, claims]) => Object.keys(claims).length > 0),
  );
}

function infoOf(one: CollectedEntity, ask: Asked): Record<string, unknown> {
  const wants = (claim: string) => ask.entityClaims?.includes(claim) ?? true;
  const infos = wants('ui_infos') ? infosOf(one, ask) : {};
  return {
    entity_id: one.entityId,
    ...(wants('entity_types') && { entity_types: one.types }),
    ...(Object.keys(infos).length > 0 && { ui_infos: infos }),
    ...(one.issuers.length > 0 && wants(VOUCHED_ISSUERS) && { [VOUCHED_ISSUERS]: one.issuers }),
  };
}

export interface CollectionRequest {
  readonly query: URLSearchParams;
  /** Seconds since the epoch. */
  readonly now: number;
  readonly authenticated: boolean;
  readonly development: boolean;
}

/** Let other requests in between: SQLite answers synchronously. */
const pause = () => new Promise((done) => setTimeout(done, 0));

/**
 * Whom this authority knows to be in force under a Trust Anchor, with what a person is shown of each: OpenID Federation Entity
 * Collection Endpoint 1.0 draft 00, the editor's text of 2025-12-18. The answer is not signed (its Security Considerations).
 */
export async function serveCollection(c: Context, published: Published, authority: ServedAuthority, request: CollectionRequest): Promise<Response> {
  const { query, now, authenticated, development } = request;
  const ask = asked(query, authority.entityId, development);
  if (!('limit' in ask)) return federationError(c, ...ask);
  const own = ask.trustAnchor === authority.entityId;
  if (!own && !(await published.anchors(authority.id)).includes(ask.trustAnchor))
    return federationError(c, 'invalid_trust_anchor', 'this entity collects nobody under that trust anchor');
  const about = await published.collection(authority.id, ask.trustAnchor);
  if (!about) return federationError(c, 'not_found', 'this entity publishes no collection');
  const found = await pageOf(published, { authorityId: authority.id, own, trustAnchor: ask.trustAnchor, development }, ask, now);
  if (!found) return federationError(c, 'entity_id_not_found', 'from_entity_id is nobody who is in force here; begin again');
  if (found === 'busy')
    return federationError(c, 'temporarily_unavailable', 'a great many are not in force until they were looked at anew; try again shortly', {
      'retry-after': '10',
    });
  const entities = fitting(found.entities, (one) => JSON.stringify(infoOf(one, ask)));
  const next = found.entities[entities.length]?.entityId ?? found.next;
  const more = next === undefined ? '' : `,"next_entity_id":${JSON.stringify(next)}`;
  const body = `{"entities":[${entities.join(',')}]${more},"last_updated":${about.lastUpdated}}`;
  const headers = { 'content-type': 'application/json', 'access-control-allow-origin': '*' };
  if (authenticated) return c.body(body, 200, { ...headers, 'cache-control': 'no-store' });
  return conditional(c, body, { ...headers, 'cache-control': `public, max-age=${MAX_AGE}`, etag: etagOf(body) });
}

interface FoundPage {
  readonly entities: readonly CollectedEntity[];
  readonly next: string | undefined;
}

interface From {
  readonly authorityId: string;
  readonly own: boolean;
  readonly trustAnchor: string;
  readonly development: boolean;
}

/** Lots one after the other, the others let in between. Ends with `busy` where nobody was taken after so many that others would wait. */
async function* lotsOf(published: Published, of: From, from: string, now: number): AsyncGenerator<CollectionLot | 'busy'> {
  let searches = false;
  try {
    for (let n = 0, place = { ...of, from, after: false }; ; n += 1) {
      if (n === 2 * MAX_LOTS && !searching.has(published)) {
        searching.add(published);
        searches = true;
      }
      if (n >= MAX_SEARCH || (n >= 2 * MAX_LOTS && !searches)) return yield 'busy';
      const lot = await published.collectionLot(place, LOT, now);
      yield lot;
      if (lot.last === undefined) return;
      place = { ...of, from: lot.last, after: true };
      await pause();
    }
  } finally {
    if (searches) searching.delete(published);
  }
}

/** Undefined: nobody in force has the identifier that it is to begin with. Busy: nobody in force was found after so many. */
async function pageOf(published: Published, of: From, ask: Asked, now: number): Promise<FoundPage | 'busy' | undefined> {
  const entities: CollectedEntity[] = [];
  let lots = 0;
  for await (const lot of lotsOf(published, of, ask.from ?? '', now)) {
    if (lot === 'busy') return lot;
    if (lots === 0 && ask.from !== undefined && lot.entities[0]?.entityId !== ask.from) return undefined;
    for (const one of lot.entities) {
      // After so many lots the next page begins with whoever is there, so that it can be asked for.
      if (lots >= MAX_LOTS || (entities.length === ask.limit && passes(one, ask))) return { entities, next: one.entityId };
      if (entities.length < ask.limit && passes(one, ask)) entities.push(one);
    }
    lots += 1;
  }
  return { entities, next: undefined };
}
