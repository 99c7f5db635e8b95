import { entityConfigurationUrl } from '../federation/entry.js';
import { placeOf } from '../federation/place.js';
import { readUrl } from '../federation/read-url.js';
import type { ServedAuthority } from '../store/published.js';
import { type AuthorityEndpoint, ENDPOINT_PATHS } from '../store/schema.js';

export { placeOf };

export type PublicEndpoint = 'configuration' | 'hosted' | 'head' | AuthorityEndpoint;
export interface Route {
  readonly authority: ServedAuthority;
  readonly endpoint: PublicEndpoint;
}

const PATHS = Object.entries(ENDPOINT_PATHS) as readonly (readonly [endpoint: AuthorityEndpoint, path: string])[];

/**
 * Every URL at which an authority answers, by its place; one that is halted keeps its own. Of two authorities at one place
 * the older one answers.
 */
export function routeTable(authorities: readonly ServedAuthority[], development: boolean): ReadonlyMap<string, Route> {
  const table = new Map<string, Route>();
  const add = (url: string, route: Route) => {
    const place = placeOf(new URL(url).href, development);
    if (!table.has(place)) table.set(place, route);
  };
  for (const authority of authorities) {
    // A damaged row is nobody's place; the others are served.
    if (readUrl(authority.entityId) === undefined) continue;
    add(entityConfigurationUrl(authority.entityId), { authority, endpoint: 'configuration' });
    const base = authority.entityId.replace(/\/$/, '');
    add(`${base}/hosted`, { authority, endpoint: 'hosted' });
    add(`${base}/head`, { authority, endpoint: 'head' });
    for (const [endpoint, path] of PATHS) add(`${base}/${path}`, { authority, endpoint });
  }
  return table;
}
