import { clientMetadataDocument, finding, type Finding } from '../../federation/entry.js';
import type { Admitted } from '../admission.js';

/** What the server has, which a client of it cannot exceed. */
export interface ServerAbility {
  readonly scopes: ReadonlySet<string>;
  readonly detailTypes: ReadonlySet<string>;
}

/**
 * The scope of a client that may have scopes of resources only. Without one the provider would give it every scope of the server,
 * and takes none that the server does not have.
 */
export const NO_SCOPE = 'no_scope';

/** Fetched by the provider itself, without a guard. */
const FETCHED = ['sector_identifier_uri'];
const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

/**
 * A client of the provider from what the federation says: by the rules of the metadata documents that authorities serve (keys by
 * value, no secrets, a scope), which also refuse whoever would get a token without proving a key.
 */
export function clientProperties({ entity, entityType, allMetadata, entitled }: Admitted, { scopes, detailTypes }: ServerAbility) {
  const document = clientMetadataDocument(allMetadata, entity, [entityType]);
  if (!document.ok) return document;
  const properties: Record<string, unknown> = { ...document.value };
  const method = properties['token_endpoint_auth_method'];
  if (method !== 'private_key_jwt' && method !== 'self_signed_tls_client_auth') return unmet('token_endpoint_auth_method', 'it is not by a key');
  const own = entitled.scopes.filter((scope) => scopes.has(scope));
  properties['scope'] = own.length > 0 ? own.join(' ') : NO_SCOPE;
  for (const name of FETCHED) delete properties[name];
  if (Array.isArray(properties['contacts'])) properties['contacts'] = properties['contacts'].filter((one) => typeof one === 'string' && EMAIL.test(one));
  if (entitled.authorizationDetailsTypes)
    properties['authorization_details_types'] = entitled.authorizationDetailsTypes.filter((type) => detailTypes.has(type));
  return { ok: true as const, value: properties };
}

const unmet = (where: string, detail: string): { readonly ok: false; readonly findings: readonly Finding[] } => ({
  ok: false,
  findings: [finding('requirement_unmet', `metadata/${where}`, detail)],
});
