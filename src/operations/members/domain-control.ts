import { calculateJwkThumbprint } from 'jose';
import { type JwkSet, mediaTypes } from '../../federation/entry.js';
import { readUrl } from '../../federation/read-url.js';
import { parseJson } from '../../federation/strict-json.js';
import { sha256 } from '../../keys/random.js';
import type { DomainControl } from '../../store/schema.js';
import type { Call, Deployment } from '../call.js';
import type { Questions } from '../explorer.js';
import { Refusal } from '../refusal.js';

/** Where the holder of a domain shows the token: a JSON array of strings, so that several authorities can be answered. */
export const DOMAIN_CONTROL_PATH = '/.well-known/holdfast-domain-control.json';

/** How an operator says that domain control is shown. */
export type ShownBy = { readonly method: 'well_known' } | { readonly method: 'operator'; readonly reason: string };

const thumbprints = (jwks: JwkSet): Promise<string[]> => Promise.all(jwks.keys.map((key) => calculateJwkThumbprint(key)));

/** Do two key sets have a key in common, by RFC 7638 thumbprint? `kid` proves nothing: anybody can write one. */
export async function shareKey(one: JwkSet, other: JwkSet): Promise<boolean> {
  const known = new Set(await thumbprints(one));
  return (await thumbprints(other)).some((thumbprint) => known.has(thumbprint));
}

/** What has to stand under the identifier's host: it binds authority, identifier and keys, so it proves nothing else. It is no secret. */
export const domainControlToken = async (authority: string, subject: string, jwks: JwkSet): Promise<string> =>
  sha256(['holdfast domain control', authority, subject, ...(await thumbprints(jwks)).sort()].join('\n'));

/** The identifier's own host serves the configuration: that shows domain control as the well-known URL does. */
export function onOwnHost(entityId: string, location: string): boolean {
  const own = readUrl(entityId)?.origin;
  return own !== undefined && readUrl(location)?.origin === own;
}

/**
 * Establish that a member may use the domain of its identifier (Entity Configuration Hosting draft -00, "Ensuring Entity
 * Identifier Uniqueness"): a token under its host, fetched through the guarded door, or an operator's word.
 * @throws Refusal invalid_request with what to publish and where
 */
export async function showDomainControl(call: Call, authority: string, subject: string, jwks: JwkSet, by: ShownBy): Promise<DomainControl> {
  if (by.method === 'operator') return { method: 'operator', reason: by.reason, at: call.now() };
  const token = await domainControlToken(authority, subject, jwks);
  if (await call.explorer.ask('domainControl', { entityId: subject, token })) return { method: 'well_known', at: call.now() };
  throw new Refusal('invalid_request', `domain control is not shown: ${placeOfToken(subject)} has to answer with the JSON array ["${token}"]`);
}

const placeOfToken = (entityId: string): string => new URL(DOMAIN_CONTROL_PATH, entityId).href;

/** Is the token among those that the identifier's host shows? */
export async function showsToken({ outbound }: Deployment, { entityId, token }: Questions['domainControl']['asked']): Promise<boolean> {
  const reply = await outbound.get({ url: placeOfToken(entityId), mediaType: mediaTypes.JSON_TYPE });
  const shown = reply.ok ? parseJson(reply.value.body, 'domain control') : undefined;
  return shown?.ok === true && Array.isArray(shown.value) && shown.value.includes(token);
}

export const DOMAIN_CONTROL_NEEDED =
  'who does not publish its configuration at the well-known URL has to show that it may use the domain: give domain_control, by a token under its host ({"method":"well_known"}) or by your word ({"method":"operator","reason":"…"})';
