import { entityConfigurationUrl } from '../federation/entry.js';
import { placeOf } from '../federation/place.js';
import { readUrl } from '../federation/read-url.js';
import type { ServedAuthority } from '../store/published.js';
import { type AuthorityEndpoint, ENDPOINT_PATHS } from '../store/schema.js';

export { placeOf };

export type PublicEndpoint = 'configuration' | 'hosted' | 'head' | 'checkpoint' | 'audit_keys' | 'client' | 'status_list' | 'agent' | AuthorityEndpoint;
export interface Route {
  readonly authority: ServedAuthority;
  readonly endpoint: PublicEndpoint;
  /** Of a checkpoint: about which event; undefined: the newest one. */
  readonly seq?: number;
  /** Of a client: our id of the member. */
  readonly member?: string;
  /** Of a status list: its number. */
  readonly list?: string;
  /** Of an agent: its Entity Identifier. */
  readonly agent?: string;
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
    add(`${base}/clients/`, { authority, endpoint: 'client' });
    add(`${base}/status-lists/`, { authority, endpoint: 'status_list' });
    add(`${base}/agents/`, { authority, endpoint: 'agent' });
    add(`${base}/checkpoints/latest`, { authority, endpoint: 'checkpoint' });
    add(`${base}/checkpoints/jwks`, { authority, endpoint: 'audit_keys' });
    for (const [endpoint, path] of PATHS) add(`${base}/${path}`, { authority, endpoint });
  }
  return table;
}

/** Where a place leads: checkpoints, clients, status lists and agents are as many as there are, so theirs are not in the table. */
export function routeOf(table: ReadonlyMap<string, Route>, place: string): Route | undefined {
  const found = table.get(place);
  if (found) return found;
  const [, clients, member] = /^(.*\/clients\/)([a-z0-9_]{1,64})$/.exec(place) ?? [];
  const client = clients === undefined ? undefined : table.get(clients);
  if (client?.endpoint === 'client' && member !== undefined) return { ...client, member };
  const [, lists, list] = /^(.*\/status-lists\/)(0|[1-9]\d{0,8})$/.exec(place) ?? [];
  const first = lists === undefined ? undefined : table.get(lists);
  if (first?.endpoint === 'status_list' && list !== undefined) return { ...first, list };
  const [, agents, name] = /^(.*\/agents\/)([a-z0-9-]{1,63})\/\.well-known\/openid-federation$/.exec(place) ?? [];
  const agent = agents === undefined ? undefined : table.get(agents);
  if (agent?.endpoint === 'agent') return { ...agent, agent: `${agent.authority.entityId.replace(/\/$/, '')}/agents/${name}` };
  const [, base, seq] = /^(.*\/checkpoints)\/([1-9]\d{0,14})$/.exec(place) ?? [];
  const latest = base === undefined ? undefined : table.get(`${base}/latest`);
  return latest?.endpoint === 'checkpoint' ? { ...latest, seq: Number(seq) } : undefined;
}
