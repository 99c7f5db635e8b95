import type { Profile } from '../profile.js';

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'];
const PROTOCOL_TYPES = ['openid_relying_party', 'openid_provider', 'oauth_client', 'oauth_authorization_server', 'oauth_resource'];

/** The Swedish OpenID Federation profile. */
export const sweden: Profile = {
  name: 'sweden',
  version: '1.0',
  title: 'Swedish OpenID Federation profile',
  rules: [
    {
      id: 'roles-apart',
      severity: 'error',
      applies_to: 'all',
      check: { kind: 'types_apart', types: ['federation_entity'], from: PROTOCOL_TYPES },
      says: 'a service role of the federation does not share an identifier with a protocol role',
      fix: 'Give the protocol role an entity identifier of its own.',
      source: 'entity roles',
    },
    {
      id: 'leaf-without-federation-entity',
      severity: 'error',
      applies_to: 'leaf',
      with_types: PROTOCOL_TYPES,
      check: { kind: 'types_absent', types: ['federation_entity'] },
      says: 'a leaf carries no federation_entity metadata',
      fix: 'Leave federation_entity out; informational parameters stand in the protocol type.',
      source: 'leaf entities',
    },
    {
      id: 'signing-algorithm',
      severity: 'error',
      applies_to: 'all',
      check: { kind: 'signed_with', algorithms: ALGORITHMS },
      says: 'statements are signed with an algorithm that everybody verifies',
      fix: `Sign with one of ${ALGORITHMS.join(', ')}.`,
      source: 'cryptography',
    },
    {
      id: 'key-algorithm',
      severity: 'error',
      applies_to: 'all',
      check: { kind: 'keys_for', algorithms: ALGORITHMS },
      says: 'federation keys are for algorithms that everybody verifies',
      fix: `Publish keys for ${ALGORITHMS.join(', ')}.`,
      source: 'cryptography',
    },
    {
      id: 'authentication-algorithms',
      severity: 'error',
      applies_to: 'all',
      check: { kind: 'values_among', types: ['federation_entity'], parameter: 'endpoint_auth_signing_alg_values_supported', values: ALGORITHMS },
      says: 'client authentication at federation endpoints uses the common algorithms',
      fix: `List only ${ALGORITHMS.join(', ')}.`,
      source: 'cryptography',
    },
    {
      id: 'mark-status',
      severity: 'error',
      applies_to: 'trust_mark_issuer',
      check: { kind: 'parameters_present', types: ['federation_entity'], parameters: ['federation_trust_mark_status_endpoint'] },
      says: 'marks are long-lived, so their issuer answers for their status',
      fix: 'Publish federation_trust_mark_status_endpoint.',
      source: 'trust marks',
    },
    {
      id: 'leaf-under-intermediate',
      severity: 'warning',
      applies_to: 'leaf',
      check: { kind: 'has_superior', entities: [] },
      says: 'a leaf is registered by an intermediate',
      fix: 'Publish authority_hints.',
      source: 'topology',
    },
    {
      id: 'no-anchor-claims',
      severity: 'error',
      applies_to: 'leaf',
      check: { kind: 'claims_absent', claims: ['trust_mark_issuers', 'trust_mark_owners'] },
      says: 'only the anchor says who issues and owns marks',
      fix: 'Leave the claim out.',
      source: 'trust marks',
    },
  ],
};
