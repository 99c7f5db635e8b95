import { entityConfigurationUrl } from '../federation/entry.js';
import type { ServedAuthority } from '../store/published.js';

export type PublicEndpoint = 'configuration' | 'fetch' | 'list' | 'historical_keys';
export interface Route {
  readonly authority: ServedAuthority;
  readonly endpoint: PublicEndpoint;
}

const PATHS: readonly (readonly [path: string, endpoint: PublicEndpoint])[] = [
  ['fetch', 'fetch'],
  ['list', 'list'],
  ['historical-keys', 'historical_keys'],
];

/** Host and path of an absolute URL, as they were sent. */
export function placeOf(url: string, byHost: boolean): string {
  const host = url.indexOf('//') + 2;
  const path = url.indexOf('/', host);
  const from = path === -1 ? url.length : path;
  const query = url.indexOf('?', from);
  const end = query === -1 ? url.length : query;
  return byHost ? url.slice(host, end) : url.slice(from, end);
}

/**
 * Every URL at which an authority answers. In production the host counts; in development, where everything is loopback,
 * the path alone.
 */
export function routeTable(authorities: readonly ServedAuthority[], byHost: boolean): ReadonlyMap<string, Route> {
  const table = new Map<string, Route>();
  const add = (url: string, route: Route) => {
    const { host, pathname } = new URL(url);
    table.set(byHost ? `${host}${pathname}` : pathname, route);
  };
  for (const authority of authorities) {
    add(entityConfigurationUrl(authority.entityId), { authority, endpoint: 'configuration' });
    const base = authority.entityId.replace(/\/$/, '');
    for (const [path, endpoint] of PATHS) add(`${base}/${path}`, { authority, endpoint });
  }
  return table;
}
