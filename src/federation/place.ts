import { entityConfigurationUrl, isLoopbackHost } from './entity-id.js';
import { keptTexts } from './kept-texts.js';
import { readUrl } from './read-url.js';

/** Characters that mean the same escaped or not (RFC 3986 §2.3). */
const UNRESERVED = /^[A-Za-z0-9._~-]$/;

/** Escapes of unreserved characters are undone and the others written in upper case (RFC 3986 §6.2.2). */
const plainPath = (path: string): string =>
  path.replace(/%[0-9a-f]{2}/gi, (escaped) => {
    const char = String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
    return UNRESERVED.test(char) ? char : escaped.toUpperCase();
  });

/**
 * Where an absolute URL leads, whatever way it is spelled: host and path, without query. The host in lower case, without
 * the default port and the dot that ends a full domain name (RFC 3986 §6.2.2 and §6.2.3, RFC 9110 §4.2.3). Behind a proxy
 * that terminates TLS, requests come by http for port 443. The routes of the public plane, its requests, the check for a new
 * authority and the column that keeps authorities apart all go by this one function.
 * @param development loopback hosts, with whatever port, are one: their place is the path alone. Other hosts stay apart.
 */
export function placeOf(url: string, development = false): string {
  const begin = url.indexOf('//') + 2;
  const end = [url.indexOf('?', begin), url.indexOf('#', begin)].reduce((least, at) => (at === -1 ? least : Math.min(least, at)), url.length);
  const slash = url.indexOf('/', begin);
  const from = slash === -1 || slash > end ? end : slash;
  const sent = url.slice(from, end);
  const path = sent.includes('%') ? plainPath(sent) : sent;
  const host = hostOf(url.slice(begin, from).toLowerCase(), url.startsWith('http:'));
  return development && isLoopbackHost(host.replace(PORT, '')) ? path : `${host}${path}`;
}

const DEFAULT_PORT = /:(?:443)?$/;
const DEFAULT_PORTS = /:(?:443|80)?$/;
const PORT = /:\d*$/;

function hostOf(authority: string, plain: boolean): string {
  const host = authority.replace(plain ? DEFAULT_PORTS : DEFAULT_PORT, '');
  return host.includes('.:') || host.endsWith('.') ? host.replace(/\.(?=:|$)/, '') : host;
}

/** Where an entity's configuration lies, the same for all spellings of its identifier: no two of a deployment may have one place. */
export const homeOf = (entityId: string, development = false): string => placeOf(readUrl(entityConfigurationUrl(entityId))?.href ?? entityId, development);

const spelling = keptTexts((entityId) =>
  homeOf(entityId)
    .replace(/\/{2,}/g, '/')
    .replace(/^([^/:]*?)\.+(?=[:/]|$)/, '$1'),
);

/**
 * What all spellings of an identifier have in common, to people and to most servers: its home, with every run of slashes as one and
 * without the dots that end the host. Byte for byte they are different entities (§1.2), so this only finds who is confusingly alike.
 */
export const spellingOf = (entityId: string): string => spelling(entityId) as string;

/** Two identifiers of one place cannot both be served: they differ in case of the host, default port, a trailing dot or slash. */
export const samePlace = (one: string, other: string, development = false): boolean => homeOf(one, development) === homeOf(other, development);
