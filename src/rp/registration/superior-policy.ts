import {
  clientMetadataIn,
  type ClientMetadata,
  type EntityStatement,
  finding,
  narrowMetadata,
  type Result,
  resolveMetadata,
  type SoftwareStatement,
} from '../../federation/entry.js';

type Claims = EntityStatement['claims'];

/** What only the server may say of a client, or what would let others in. */
const NEVER = [
  'client_id',
  'client_secret',
  'client_secret_expires_at',
  'client_id_issued_at',
  'registration_access_token',
  'registration_client_uri',
  'jwks_uri',
];
/** What a client may do by them: of these nobody gets more than was vouched for, whatever a policy adds. */
const RIGHTS = [
  'redirect_uris',
  'post_logout_redirect_uris',
  'request_uris',
  'grant_types',
  'response_types',
  'authorization_details_types',
  'allowed_resources',
];

/** The client that a statement vouches for. */
export const vouchedIn = ({ claims }: Pick<SoftwareStatement, 'claims'>): ClientMetadata => without(clientMetadataIn(claims));

const without = (metadata: ClientMetadata): ClientMetadata => Object.fromEntries(Object.entries(metadata).filter(([name]) => !NEVER.includes(name)));

/**
 * What is left of it under the superiors of whoever vouches: their constraints and policies hold for its members as if each came by its
 * Trust Chain (OpenID Federation 1.0 §6), so an intermediate gives no client what it has not got. Who asks for `openid` is an
 * OpenID Relying Party, everybody else an OAuth client.
 * @param above the statements about who vouches, up to the Trust Anchor; none: it is the anchor itself, whose own rules it has applied
 */
export function underSuperiors(statement: Pick<SoftwareStatement, 'claims'>, above: readonly Claims[], development = false): Result<ClientMetadata> {
  const vouched = vouchedIn(statement);
  if (above.length === 0) return { ok: true, value: vouched };
  const { iss, sub, iat, exp, registration_policy: registered } = statement.claims;
  const type = String(vouched['scope'] ?? '')
    .split(' ')
    .includes('openid')
    ? 'openid_relying_party'
    : 'oauth_client';
  const times = { iat, exp, jwks: { keys: [] } };
  const chain = [
    { ...times, iss: sub, sub, metadata: { [type]: vouched } },
    { ...times, iss, sub, ...(registered !== undefined && { registration_policy: registered }) },
    ...above,
  ] as unknown as readonly Claims[];
  const resolved = resolveMetadata(chain, { development });
  if (!resolved.ok) return resolved;
  const allowed = resolved.value[type];
  const no = (where: string, detail: string) => ({ ok: false as const, findings: [finding('policy_violation', where, detail)] });
  if (!allowed) return no('metadata', `its superiors allow it no ${type}`);
  const left = { ...Object.fromEntries(RIGHTS.filter((name) => Object.hasOwn(vouched, name)).map((name) => [name, []])), scope: '', ...without(allowed) };
  const narrowed = narrowMetadata(vouched, left);
  if (!narrowed.ok) return no(`metadata/${type}/${narrowed.wider.parameter}`, narrowed.wider.detail);
  const rights = Object.entries(narrowed.value).filter(([name]) => [...RIGHTS, 'scope', 'jwks'].includes(name));
  return { ok: true, value: { ...without(allowed), ...Object.fromEntries(rights) } };
}
