import { ENDPOINT_PATHS } from '../store/schema.js';
import { isPromise, type Published, servedAs, type ServedAuthority } from '../store/published.js';
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
    if (at === -1 || url.length > MAX_URL || !url.startsWith(FETCH, at - FETCH.length)) return undefined;
    const authorities = published.authorities();
    if (isPromise(authorities)) return undefined;
    const authority = authorityAt(url.slice(0, at), authorities, development);
    const subject = authority && subjectOf(url.slice(at + SUB.length));
    return authority === undefined || subject === undefined || subject === authority.entityId
      ? undefined
      : look(published, authority.id, subject, { url, now: now() });
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

function look(
  published: Published,
  authorityId: string,
  subject: string,
  { url, now }: { readonly url: string; readonly now: number },
): KeptAnswer | undefined {
  const found = published.artefact(authorityId, 'statement', subject);
  if (found === undefined || isPromise(found) || servedAs(found, now) !== 'served') return undefined;
  const kept = keptArtefact(found);
  published.spell(url, found, kept, keptBytes(kept));
  return kept;
}
