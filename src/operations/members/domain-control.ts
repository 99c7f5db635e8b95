import { calculateJwkThumbprint } from 'jose';
import { type JwkSet, mediaTypes } from '../../federation/entry.js';
import { readUrl } from '../../federation/read-url.js';
import { parseJson } from '../../federation/strict-json.js';
import { sha256 } from '../../keys/random.js';
import { askTxt } from '../../outbound/ask-txt.js';
import type { DomainControl } from '../../store/schema.js';
import type { Call, Deployment } from '../call.js';
import type { Questions } from '../explorer.js';
import { Refusal } from '../refusal.js';

/** Where the holder of a domain shows the token: a JSON array of strings, so that several authorities can be answered. */
export const DOMAIN_CONTROL_PATH = '/.well-known/holdfast-domain-control.json';
/** Below which label of its domain it may stand as a TXT record instead (RFC 8552). */
const DOMAIN_CONTROL_RECORD = '_holdfast-domain-control';

/** How an operator says that domain control is shown. */
export type ShownBy = { readonly method: 'well_known' | 'dns' } | { readonly method: 'operator'; readonly reason: string };

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
 * Identifier Uniqueness"): a token under its host or in its DNS, asked for through the guarded door, or an operator's word.
 * @throws Refusal invalid_request with what to publish and where
 */
export async function showDomainControl(call: Call, authority: string, subject: string, jwks: JwkSet, by: ShownBy): Promise<DomainControl> {
  if (by.method === 'operator') return { method: 'operator', reason: by.reason, at: call.now() };
  const token = await domainControlToken(authority, subject, jwks);
  const { method } = by;
  const { shown, why } = await call.explorer.ask('domainControl', { entityId: subject, token, method });
  if (shown) return { method, at: call.now() };
  const demand =
    method === 'dns'
      ? `a TXT record of ${recordOfToken(subject)} has to be "${token}"`
      : `${placeOfToken(subject)} has to answer with the JSON array ["${token}"]`;
  throw new Refusal('invalid_request', `domain control is not shown${why === undefined ? '' : ` (${why})`}: ${demand}`);
}

const placeOfToken = (entityId: string): string => new URL(DOMAIN_CONTROL_PATH, entityId).href;

const hostOf = (entityId: string): string => readUrl(entityId)?.hostname.replace(/\.$/, '') ?? '';
/** The name whose TXT records may hold the token, whatever port the identifier has. */
const recordOfToken = (entityId: string): string => `${DOMAIN_CONTROL_RECORD}.${hostOf(entityId)}`;

/** Is the token among those that the identifier's host shows? */
export async function showsToken(deployment: Deployment, asked: Questions['domainControl']['asked']): Promise<Questions['domainControl']['answer']> {
  if (asked.method === 'dns') return inDns(deployment, asked);
  const reply = await deployment.outbound.get({ url: placeOfToken(asked.entityId), mediaType: mediaTypes.JSON_TYPE });
  const shown = reply.ok ? parseJson(reply.value.body, 'domain control') : undefined;
  return { shown: shown?.ok === true && Array.isArray(shown.value) && shown.value.includes(asked.token) };
}

/** Is it just one of the TXT records? What stands beside it in a record is another text. */
async function inDns(
  { outbound, dnsResolver }: Deployment,
  { entityId, token }: Questions['domainControl']['asked'],
): Promise<Questions['domainControl']['answer']> {
  if (dnsResolver === undefined) return { shown: false, why: 'no resolver is asked here: HOLDFAST_DOH_URL is not set' };
  const host = hostOf(entityId);
  if (/^[\d.]+$|^\[/.test(host) || !host.includes('.')) return { shown: false, why: `${host} is no domain` };
  const answer = await askTxt(outbound, dnsResolver, recordOfToken(entityId));
  if (!answer.ok) return { shown: false, why: answer.why };
  if (answer.texts.includes(token)) return { shown: true };
  return { shown: false, why: answer.texts.length === 0 ? 'it has no TXT record' : `none of its ${answer.texts.length} TXT records is the token` };
}

export const DOMAIN_CONTROL_NEEDED =
  'who does not publish its configuration at the well-known URL has to show that it may use the domain: give domain_control, by a token under its host ({"method":"well_known"}), by one in a TXT record of its domain ({"method":"dns"}) or by your word ({"method":"operator","reason":"…"})';
