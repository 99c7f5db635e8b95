import { type Finding, finding, quote, type Result } from './finding.js';
import type { Metadata } from './metadata.js';

/** What a document is made of: the first that an entity is. */
const TYPES = ['openid_relying_party', 'oauth_client'] as const;
/**
 * What a document does not say: secrets (draft §4.1), keys by reference, because the keys of the document are those that were
 * vouched for, and what is about registration in a federation or by a software statement.
 */
const LEFT_OUT = new Set([
  ...['client_id', 'client_secret', 'client_secret_expires_at', 'client_id_issued_at', 'registration_access_token', 'registration_client_uri'],
  ...['jwks_uri', 'signed_jwks_uri', 'software_statement', 'client_registration_types'],
]);
/** Authentication that a key of the document proves. */
const BY_KEY = ['private_key_jwt', 'self_signed_tls_client_auth'];

/**
 * The Client ID Metadata Document (draft-ietf-oauth-client-id-metadata-document-03 §4) of a client, from its metadata with every
 * policy applied: an authorization server that allows documents below one URL trusts by it whom the federation vouches for, and
 * needs to know nothing of federations.
 *
 * Stricter than the draft where a server that knows nothing else would open a door: the client authenticates by a key that
 * stands in the document (without a method it would be by secret, RFC 7591 §2), and has scopes (without any, common servers give
 * every scope).
 * @param metadata Resolved Metadata (OpenID Federation 1.0 §6.1.4)
 * @param clientId where the document is served: https, with a path
 */
export function clientMetadataDocument(metadata: Metadata, clientId: string): Result<Readonly<Record<string, unknown>>> {
  const type = TYPES.find((one) => metadata?.[one] !== undefined);
  const of = type && metadata[type];
  if (!of || typeof of !== 'object') return refused('metadata', 'it is no client', `Declare ${TYPES.join(' or ')}.`);
  const at = (name: string): string => `metadata/${type}/${name}`;
  const method = of['token_endpoint_auth_method'] ?? BY_KEY[0];
  const findings: Finding[] = [];
  if (typeof method !== 'string' || !BY_KEY.includes(method))
    findings.push(no(at('token_endpoint_auth_method'), `${quote(method)} is not by a key`, `Use ${BY_KEY.join(' or ')}.`));
  const { keys } = (of['jwks'] ?? {}) as { keys?: unknown };
  if (!Array.isArray(keys) || keys.length === 0) findings.push(no(at('jwks'), 'there is no key by value', 'Publish the keys of the client in "jwks".'));
  if (typeof of['scope'] !== 'string' || of['scope'].trim() === '')
    findings.push(no(at('scope'), 'it has no scope', 'Entitle it to scopes, or have it ask for some in its metadata.'));
  if (findings.length > 0) return { ok: false, findings };
  const rest = Object.fromEntries(Object.entries(of).filter(([name]) => !LEFT_OUT.has(name)));
  return { ok: true, value: { client_id: clientId, ...withoutRedirects(rest), ...rest, token_endpoint_auth_method: method } };
}

/** Who is sent nowhere says so: without these, `code` and a redirection would be meant (RFC 7591 §2). */
function withoutRedirects({ grant_types: grants }: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const redirects = !Array.isArray(grants) || grants.some((one) => one === 'authorization_code' || one === 'implicit');
  return redirects ? {} : { redirect_uris: [], response_types: [] };
}

const no = (where: string, detail: string, fix: string): Finding => ({
  ...finding('client_document_none', where, detail),
  clause: 'OAuth Client ID Metadata Document draft -03 §4',
  fix,
});
const refused = (where: string, detail: string, fix: string): Result<never> => ({ ok: false, findings: [no(where, detail, fix)] });
