import { quote, refuse, type Result, success } from './finding.js';
import { MAX_ENTITY_ID_LENGTH } from './limits.js';
import { keptTexts } from './kept-texts.js';
import { readUrl } from './read-url.js';

declare const entityIdBrand: unique symbol;
/** An Entity Identifier that was checked. Compared byte for byte, never normalized (OpenID Federation 1.0 §16). */
export type EntityId = string & { readonly [entityIdBrand]: true };

export interface EntityIdOptions {
  /** Accept loopback `http` identifiers beside `https` ones: for development on one machine only. */
  readonly development?: boolean;
}

/** scheme, host (name, IPv4 or bracketed IPv6), optional port, optional path: RFC 3986 characters only. */
const SHAPE = /^(https?):\/\/([A-Za-z0-9](?:[A-Za-z0-9._-]*)|\[[0-9a-fA-F:.]+\])(?::([0-9]{1,5}))?(\/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?$/;

/** Those that are sound whatever the options; what is wrong with a text is found out anew. */
const sound = keptTexts((text) => {
  const read = readEntityId(text, {});
  return read.ok ? read : undefined;
});

/** Check an Entity Identifier: an `https` URL with a host, optionally a port and a path (§1.2). */
export const parseEntityId = (text: unknown, options: EntityIdOptions = {}): Result<EntityId> =>
  (typeof text === 'string' ? sound(text) : undefined) ?? readEntityId(text, options);

function readEntityId(text: unknown, options: EntityIdOptions): Result<EntityId> {
  const no = (detail: string) => refuse('entity_id_invalid', 'entity identifier', detail);
  if (typeof text !== 'string') return no('it is not a string');
  if (text === '') return no('it is empty');
  if (text.length > MAX_ENTITY_ID_LENGTH) return no(`it has ${text.length} characters, more than ${MAX_ENTITY_ID_LENGTH}`);
  if (text.includes('#')) return no(`${quote(text)} has a fragment`);
  if (text.includes('?')) return no(`${quote(text)} has a query`);
  const [, scheme, host, port, path] = SHAPE.exec(text) ?? [];
  if (!host) return no(`${quote(text)} ${shapeFault(text)}`);
  if (scheme === 'http' && !(options.development && isLoopbackHost(host))) {
    return no(`${quote(text)} is not https${options.development ? ' (development mode accepts http for loopback hosts only)' : ''}`);
  }
  if (Number(port) === 0 || Number(port) > 65_535) return no(`${quote(text)} has an impossible port`);
  if (!readUrl(text)) return no(`${quote(text)} ${shapeFault(text)}`);
  // A dot segment would be resolved away when the URL is fetched: the identifier could never be found under its own name.
  if (path && /\/(?:\.|%2e){1,2}(?:\/|$)/i.test(path)) return no(`${quote(text)} has a dot segment in its path`);
  return success(text as EntityId);
}

/** Which rule of the shape a text breaks, the one that leads to the mend first. */
function shapeFault(text: string): string {
  const [, scheme = '', authority = ''] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/\\]*)/.exec(text) ?? [];
  if (/[\s\p{Cc}\p{Cf}]/u.test(text)) return 'holds white space or an invisible character';
  if (scheme === '')
    return /^[\p{L}\p{N}][\p{L}\p{N}.-]*\.[\p{L}\p{N}-]+(?::\d+)?(?:\/|$)/u.test(text)
      ? 'has no scheme: write https:// in front'
      : 'is not an https URL with a host';
  if (!/^https?$/.test(scheme))
    return /^https?$/i.test(scheme)
      ? `writes its scheme as "${scheme}": identifiers are compared byte for byte, write ${scheme.toLowerCase()}`
      : 'is not https';
  if (authority.includes('@')) return 'has credentials';
  if (/\P{ASCII}/u.test(authority)) {
    const ascii = readUrl(text)?.hostname ?? '';
    return `has a host with characters outside ASCII: use its xn-- form${ascii.includes('xn--') ? `, ${ascii}` : ''}`;
  }
  if (/\P{ASCII}/u.test(text)) return 'has a path with characters outside ASCII: percent-encode them';
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return 'has a "%" that begins no escape';
  return authority === '' || /^:/.test(authority)
    ? 'has no host'
    : 'is not an https URL with a host: it holds a character that URLs do not have, or a host that is none';
}

export const isEntityId = (text: unknown, options: EntityIdOptions = {}): text is EntityId => parseEntityId(text, options).ok;

/** True for localhost, *.localhost, 127.0.0.0/8 and [::1]. */
export function isLoopbackHost(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  return name === 'localhost' || name.endsWith('.localhost') || /^127(?:\.\d{1,3}){3}$/.test(name) || name === '[::1]';
}

export const WELL_KNOWN = '/.well-known/openid-federation';

/**
 * Where an entity publishes its Entity Configuration: the suffix goes after the whole path, a trailing slash
 * is removed first (§9). The identifier itself keeps its slash.
 */
export const entityConfigurationUrl = (entityId: string): string => `${entityId.replace(/\/$/, '')}${WELL_KNOWN}`;
