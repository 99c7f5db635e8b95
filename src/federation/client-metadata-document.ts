import { withinGrants } from './client-grants.js';
import { type Finding, finding, quote, type Result } from './finding.js';
import { keyFault } from './jwk-set.js';
import type { Metadata } from './metadata.js';
import { isObject } from './strict-json.js';

/** What a document is made of: the first that an entity is. */
const TYPES = ['openid_relying_party', 'oauth_client'] as const;
/**
 * What a document does not say: secrets (draft §4.1), keys by reference, because the keys of the document are those that were
 * vouched for, what is about registration in a federation or by a software statement, how it authenticates at other
 * endpoints, where the method of the token endpoint is meant, and who it is in a federation: that is not the client's to say.
 */
const LEFT_OUT = new Set([
  ...['client_id', 'client_secret', 'client_secret_expires_at', 'client_id_issued_at', 'registration_access_token', 'registration_client_uri'],
  ...['jwks_uri', 'signed_jwks_uri', 'software_statement', 'client_registration_types'],
  ...['introspection_endpoint_auth_method', 'revocation_endpoint_auth_method'],
  ...['federation_entity', 'federation_anchor', 'federation_authority', 'federation_scope', 'software_statement_jti'],
]);
/** The member of a document that names the entity it is about. Of nobody's registry: whoever knows no federations passes over it. */
export const DOCUMENT_ENTITY = 'federation_entity';
/** Authentication that a key of the document proves. */
const BY_KEY = ['private_key_jwt', 'self_signed_tls_client_auth'];
/** With such a key anybody could be the client: a secret that everybody reads, or one that can be worked out. */
const OPEN_TO_ALL: readonly string[] = ['jwk_private', 'jwk_symmetric', 'jwk_weak'];
/** RFC 6749 §3.3: what a server splits otherwise than a policy does would be another scope. */
export const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/;

/**
 * The Client ID Metadata Document (draft-ietf-oauth-client-id-metadata-document-03 §4) of a client, from its metadata with every
 * policy applied: an authorization server that allows documents below one URL trusts by it whom the federation vouches for, and
 * needs to know nothing of federations.
 *
 * Stricter than the draft where a server that knows nothing else would open a door: somebody has taken the entity in as a client,
 * it authenticates by a key that stands in the document (without a method it would be by secret, RFC 7591 §2) before it gets any
 * token, and has scopes (without any, common servers give every scope).
 * @param metadata Resolved Metadata (OpenID Federation 1.0 §6.1.4)
 * @param clientId where the document is served: https, with a path
 * @param vetted the Entity Types it was taken in with; empty: nobody said
 * @param entity whom it is about: said by the authority that serves it, so that a server of resources finds out whether that one is in force
 */
export function clientMetadataDocument(
  metadata: Metadata,
  clientId: string,
  vetted: readonly string[] = [],
  entity?: string,
): Result<Readonly<Record<string, unknown>>> {
  const declared = TYPES.filter((one) => metadata?.[one] !== undefined);
  const type = declared.find((one) => vetted.length === 0 || vetted.includes(one));
  const of = type && withinGrants(metadata[type]);
  if (!of || typeof of !== 'object')
    return declared.length === 0
      ? refused('metadata', 'it is no client', `Declare ${TYPES.join(' or ')}.`)
      : refused('entity_types', `it declares itself ${declared.join(' and ')}, and was taken in as ${vetted.join(', ')}`, 'Add the type to its Entity Types.');
  const at = (name: string): string => `metadata/${type}/${name}`;
  const method = of['token_endpoint_auth_method'] ?? BY_KEY[0];
  const findings: Finding[] = [];
  if (typeof method !== 'string' || !BY_KEY.includes(method))
    findings.push(no(at('token_endpoint_auth_method'), `${quote(method)} is not by a key`, `Use ${BY_KEY.join(' or ')}.`));
  const keys = keysOf(of['jwks'], at('jwks'));
  if (!keys.ok) findings.push(...keys.findings);
  const { scope, response_types: responses } = of;
  if (typeof scope !== 'string' || scope.trim() === '')
    findings.push(no(at('scope'), 'it has no scope', 'Entitle it to scopes, or have it ask for some in its metadata.'));
  else if (!SCOPE.test(scope))
    findings.push(no(at('scope'), `${quote(scope)} is no list of scopes with a space between each`, 'Write it as RFC 6749 §3.3 has it.'));
  if (Array.isArray(responses) && responses.some((one) => typeof one === 'string' && one.split(' ').includes('token')))
    findings.push(no(at('response_types'), 'it gets tokens without proving a key', 'Use the authorization code: response_types without "token".'));
  if (!keys.ok || findings.length > 0) return { ok: false, findings };
  const rest = Object.fromEntries(Object.entries(of).filter(([name]) => !LEFT_OUT.has(name)));
  const named = { client_id: clientId, ...(entity !== undefined && { [DOCUMENT_ENTITY]: entity }) };
  return { ok: true, value: { ...named, ...withoutRedirects(rest), ...rest, jwks: { keys: keys.value }, token_endpoint_auth_method: method } };
}

/** The keys by value, without where to find others (`x5u`). None where one of them would let anybody in. */
function keysOf(jwks: unknown, where: string): Result<readonly object[]> {
  const keys: readonly unknown[] = isObject(jwks) && Array.isArray(jwks['keys']) ? jwks['keys'] : [];
  // A name is no matter of a client's key: who has only one may leave it out.
  const faults = keys.map((one, n) => keyFault(isObject(one) ? { kid: 'none', ...one } : one, `${where}/keys/${n}`));
  const open = faults.find((one) => one !== undefined && OPEN_TO_ALL.includes(one.code));
  if (open) return refused(open.where, open.detail, 'Make new keys for the client, and publish their public half alone.');
  if (!faults.includes(undefined))
    return refused(where, `there is no key by value${keys.length > 0 ? ' that signs' : ''}`, 'Publish the keys of the client in "jwks".');
  return { ok: true, value: keys.filter(isObject).map(({ x5u: _, ...key }) => key) };
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
