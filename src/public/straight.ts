import { ENDPOINT_PATHS } from '../store/schema.js';
import { isPromise, type MaybePromise, servedAs, type ServedAuthority } from '../store/published.js';
import { isCanonical } from './canonical.js';
import type { CallerContext } from './caller.js';
import { type KeptAnswer, keptBytes } from './kept-answer.js';
import { MAX_IDENTIFIER, MAX_URL } from './parameters.js';
import { placeOf, type Route, routeTable } from './routes.js';
import { keptArtefact } from './serve-artefact.js';

export type HotContext = Pick<CallerContext, 'published' | 'now' | 'development'>;

/** Locations whose routes are remembered: of all authorities together. */
const MAX_LOCATIONS = 256;
const FETCH = `/${ENDPOINT_PATHS.fetch}`;
const SUB = '?sub=';

/**
 * A Subordinate Statement that is asked for by GET, in the usual spelling, and is not kept yet (OpenID Federation 1.0 §8.1.1): among a
 * million subordinates hardly one is. It is looked up without a framework in between, and from then on kept. Whatever is unusual, or to
 * be refused, is undefined: the app says it.
 */
export function straightFetch(): (context: HotContext, url: string) => KeptAnswer | undefined {
  let of: readonly ServedAuthority[] | undefined;
  let table: ReadonlyMap<string, Route> = new Map();
  const locations = new Map<string, ServedAuthority | undefined>();
  /** The store answers later: nothing of it is straight, and what was asked here is nobody's to wait for, or to fail with. */
  let answersLater = false;
  const isLater = <T>(found: MaybePromise<T>): found is Promise<T> => {
    if (!isPromise(found)) return false;
    answersLater = true;
    found.catch(() => undefined);
    return true;
  };

  /** Whose fetch endpoint, open to everybody, is at a location spelled as usual. */
  function authorityAt(location: string, authorities: readonly ServedAuthority[], development: boolean): ServedAuthority | undefined {
    if (of !== authorities) {
      of = authorities;
      table = routeTable(authorities, development);
      locations.clear();
    }
    if (locations.has(location)) return locations.get(location);
    const route = table.get(placeOf(location, development));
    const mode = route?.authority.clientAuth.fetch ?? 'none';
    const open = route?.endpoint === 'fetch' && mode !== 'required' && !route.authority.withheld && isCanonical(location, [], development);
    if (locations.size >= MAX_LOCATIONS) locations.clear();
    locations.set(location, open ? route.authority : undefined);
    return locations.get(location);
  }

  return ({ published, now, development }, url) => {
    const at = url.indexOf(SUB);
    if (answersLater || at === -1 || url.length > MAX_URL || !url.startsWith(FETCH, at - FETCH.length)) return undefined;
    const authorities = published.authorities();
    if (isLater(authorities)) return undefined;
    const authority = authorityAt(url.slice(0, at), authorities, development);
    const subject = authority && subjectOf(url.slice(at + SUB.length));
    if (authority === undefined || subject === undefined || subject === authority.entityId) return undefined;
    const found = published.artefact(authority.id, 'statement', subject, true);
    if (found === undefined || isLater(found) || servedAs(found, now()) !== 'served') return undefined;
    const kept = keptArtefact(found);
    published.spell(url, found, kept, keptBytes(kept));
    return kept;
  };
}

/** Undefined unless all that is to be escaped is. */
function subjectOf(escaped: string): string | undefined {
  try {
    const subject = decodeURIComponent(escaped);
    return subject !== '' && subject.length <= MAX_IDENTIFIER && encodeURIComponent(subject) === escaped ? subject : undefined;
  } catch {
    return undefined;
  }
}
