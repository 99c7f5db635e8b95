import { z } from 'zod';
import { type Finding, finding, type Result } from '../federation/entry.js';
import { readUrl } from '../federation/read-url.js';
import { parseJson } from '../federation/strict-json.js';
import type { Outbound } from '../outbound/outbound.js';
import type { Admission, AdmitOptions } from './admission.js';
import type { FederationContext } from './context.js';

const MAX_BYTES = 64 * 1024;
/** Authorization servers that are looked at; honest resources name one or two. */
const MAX_SERVERS = 4;
const WELL_KNOWN = '/.well-known/oauth-protected-resource';

export interface VerifyResourceOptions extends Pick<AdmitOptions, 'anchor'> {
  /** Types of Trust Marks that the resource has to bear. */
  readonly marks?: readonly string[];
  /** Its Entity Identifier; the URL of the resource or its origin when left out. */
  readonly entity?: string;
}

export type VerifiedResource =
  | {
      readonly trusted: true;
      readonly resource: string;
      readonly entity: string;
      /** Where a token for it is asked for, by issuer, and its metadata by the federation. */
      readonly authorizationServer: { readonly issuer: string; readonly metadata: Readonly<Record<string, unknown>> };
      readonly scopesSupported: readonly string[];
      readonly context: FederationContext;
    }
  | { readonly trusted: false; readonly unavailable: boolean; readonly findings: readonly Finding[]; readonly context: FederationContext };

const shape = z.looseObject({
  resource: z.string(),
  authorization_servers: z.array(z.string().max(2048)).max(100).optional(),
});

/** Where a resource says what it is (RFC 9728 §3.1): the suffix goes between host and path. */
export function protectedResourceUrl({ origin, pathname, search }: URL): string {
  return `${origin}${WELL_KNOWN}${pathname === '/' ? '' : pathname}${search}`;
}

/**
 * May a token be sent to this resource? What it says of itself is taken for a claim: its entity has a chain to a pinned Trust
 * Anchor and is in force, is that very resource by the federation, lists the authorization server there too, and that server is
 * a member in its own right.
 */
export async function verifyResource(
  url: string,
  { marks = [], entity, anchor }: VerifyResourceOptions,
  { outbound, admit }: { readonly outbound: Outbound; admit(entity: string, options: AdmitOptions): Promise<Admission> },
): Promise<VerifiedResource> {
  const no = (findings: readonly Finding[], of: Partial<Extract<Admission, { admitted: false }>> = {}): VerifiedResource => ({
    trusted: false,
    unavailable: of.reason === 'unavailable' || (of.reason === undefined && findings.some(({ transient }) => transient)),
    findings,
    context: { ...(of.context ?? { entity: url }), decision: of.reason === 'unavailable' ? 'unavailable' : 'denied' },
  });
  const unmet = (where: string, detail: string) => no([finding('requirement_unmet', where.slice(0, 300), detail)]);
  const place = url.length <= 2048 ? readUrl(url) : undefined;
  if (!place || url.includes('#') || place.username || place.password) return unmet(url, 'it is no URL of a resource');
  const said = await published(place, outbound);
  if (!said.ok) return no(said.findings);
  if (said.value.resource !== url) return unmet('resource', 'what is published there is about another resource (RFC 9728 §3.3)');

  const resource = await firstAdmitted(entity === undefined ? [...new Set([url, place.origin])] : [entity], (id) =>
    admit(id, { requires: { entityType: 'oauth_resource', marks }, ...(anchor !== undefined && { anchor }) }),
  );
  if (!resource.admitted) return no(resource.findings, resource);
  if (resource.metadata['resource'] !== url) return unmet(`${resource.entity} metadata/oauth_resource/resource`, 'by its federation it is another resource');
  const listed = strings(resource.metadata['authorization_servers']);
  const named = said.value.authorization_servers ?? [];
  const strange = named.find((one) => !listed.includes(one));
  if (strange !== undefined) return unmet('authorization_servers', 'it names an authorization server that it does not list in its federation');

  const servers = (named.length > 0 ? named : listed).slice(0, MAX_SERVERS);
  const server = await firstAdmitted(servers, (id) =>
    admit(id, { requires: { entityType: ['oauth_authorization_server', 'openid_provider'] }, anchor: resource.anchor }),
  );
  if (!server.admitted) return servers.length === 0 ? unmet('authorization_servers', 'it lists none') : no(server.findings, server);
  if (server.metadata['issuer'] !== server.entity) return unmet(`${server.entity} metadata/issuer`, 'it is not the Entity Identifier');
  const protects = server.metadata['protected_resources'];
  if (protects !== undefined && !strings(protects).includes(url))
    return unmet(`${server.entity} metadata/protected_resources`, 'it does not serve this resource');
  return {
    trusted: true,
    resource: url,
    entity: resource.entity,
    authorizationServer: { issuer: server.entity, metadata: server.metadata },
    scopesSupported: strings(resource.metadata['scopes_supported']),
    context: resource.context,
  };
}

async function published(place: URL, outbound: Outbound): Promise<Result<z.infer<typeof shape>>> {
  const where = protectedResourceUrl(place);
  const reply = await outbound.get({ url: where, mediaType: 'application/json', maxBytes: MAX_BYTES });
  if (!reply.ok) return reply;
  const json = parseJson(reply.value.body, where);
  if (!json.ok) return json;
  const read = shape.safeParse(json.value);
  return read.success
    ? { ok: true, value: read.data }
    : { ok: false, findings: [finding('metadata_invalid', where, 'it is no metadata of a protected resource (RFC 9728 §2)')] };
}

/** The first that is admitted; else why one was not: that has a chain, that may yet be, or the last. */
async function firstAdmitted(ids: readonly string[], admit: (id: string) => Promise<Admission>): Promise<Admission> {
  let refused: Extract<Admission, { admitted: false }> | undefined;
  for (const id of ids) {
    const one = await admit(id);
    if (one.admitted) return one;
    if (refused?.context.anchor === undefined && (refused?.reason !== 'unavailable' || one.context.anchor !== undefined)) refused = one;
  }
  return refused ?? { admitted: false, reason: 'denied', error: 'not_found', findings: [], context: { entity: '', decision: 'denied' } };
}

const strings = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []);
