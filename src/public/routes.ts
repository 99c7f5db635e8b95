import { entityConfigurationUrl } from '../federation/entry.js';
import type { ServedAuthority } from '../store/published.js';
import { type AuthorityEndpoint, ENDPOINT_PATHS } from '../store/schema.js';

export type PublicEndpoint = 'configuration' | 'hosted' | AuthorityEndpoint;
export interface Route {
  readonly authority: ServedAuthority;
  readonly endpoint: PublicEndpoint;
}

const PATHS = Object.entries(ENDPOINT_PATHS) as readonly (readonly [endpoint: AuthorityEndpoint, path: string])[];

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
    add(`${base}/hosted`, { authority, endpoint: 'hosted' });
    for (const [endpoint, path] of PATHS) add(`${base}/${path}`, { authority, endpoint });
  }
  return table;
}
