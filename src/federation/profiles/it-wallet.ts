import type { Profile } from '../profile-schema.js';

/** Wallet draft 05 of the OpenID Foundation names openid_wallet_provider what the Italian documentation calls wallet_solution. */
const ROLES = ['openid_credential_issuer', 'openid_credential_verifier', 'wallet_solution', 'openid_wallet_provider', 'oauth_authorization_server'];

/**
 * IT-Wallet by its technical documentation, chapters "The Infrastructure of Trust" and "Cryptographic Algorithms". Not checked:
 * that a logo is SVG, that a contact is a certified address, and the certificates in `x5c`.
 */
export const itWallet: Profile = {
  name: 'it-wallet',
  version: 'main of 2026',
  title: 'IT-Wallet federation',
  document: 'https://github.com/italia/eid-wallet-it-docs (docs/en/trust-infrastructure)',
  status: 'draft',
  date: '2026',
  rules: [
    {
      id: 'superior-endpoints',
      severity: 'error',
      applies_to: 'intermediate',
      check: {
        kind: 'parameters_present',
        types: ['federation_entity'],
        parameters: [
          'federation_list_endpoint',
          'federation_fetch_endpoint',
          'federation_trust_mark_status_endpoint',
          'federation_trust_mark_list_endpoint',
          'federation_trust_mark_endpoint',
          'federation_historical_keys_endpoint',
          'federation_subordinate_events_endpoint',
        ],
      },
      says: 'anchors and intermediates have all endpoints of the table',
      fix: 'Publish the endpoint under federation_entity.',
      source: 'Federation API endpoints',
    },
    {
      id: 'anchor-mark-issuers',
      severity: 'error',
      applies_to: 'trust_anchor',
      check: { kind: 'claims_present', claims: ['trust_mark_issuers'] },
      says: 'the anchor says who issues marks',
      fix: 'Set trust_mark_issuers among the claims of the anchor.',
      source: 'Entity Configuration Trust Anchor',
    },
    {
      id: 'superior',
      severity: 'error',
      applies_to: 'below_anchor',
      check: { kind: 'has_superior', entities: [] },
      says: 'leafs and intermediates name their superior',
      fix: 'Publish authority_hints.',
      source: 'Entity Configuration Leaves and Intermediates',
    },
    {
      id: 'mark',
      severity: 'error',
      applies_to: 'below_anchor',
      check: { kind: 'shows_mark' },
      says: 'leafs and intermediates show a trust mark',
      fix: 'Fetch the mark from its issuer and publish it in trust_marks.',
      source: 'Entity Configuration Leaves and Intermediates',
    },
    {
      id: 'federation-entity',
      severity: 'error',
      applies_to: 'all',
      check: { kind: 'types_present', types: ['federation_entity'] },
      says: 'every entity has federation_entity metadata',
      fix: 'Publish federation_entity.',
      source: 'Metadata Types',
    },
    {
      id: 'role',
      severity: 'error',
      applies_to: 'leaf',
      check: { kind: 'one_of_types', types: ROLES },
      says: 'a leaf is a credential issuer, a verifier, a wallet provider or an authorization server',
      fix: 'Publish the metadata of its role.',
      source: 'Metadata Types',
    },
    {
      id: 'identity',
      severity: 'error',
      applies_to: 'leaf',
      check: { kind: 'parameters_present', types: ['federation_entity'], parameters: ['organization_name', 'policy_uri', 'logo_uri', 'contacts'] },
      says: 'a leaf shows who it is, whom to call, its policy and its logo',
      fix: 'Publish the parameter under federation_entity.',
      source: 'Metadata of federation_entity Leaves',
    },
    {
      id: 'homepage',
      severity: 'error',
      applies_to: 'leaf',
      check: { kind: 'one_of_parameters', types: ['federation_entity'], parameters: ['homepage_uri', 'organization_uri'] },
      says: 'a leaf shows its page',
      fix: 'Publish homepage_uri, or organization_uri as the standard calls it since draft 43.',
      source: 'Metadata of federation_entity Leaves',
    },
    {
      id: 'algorithms',
      severity: 'warning',
      applies_to: 'all',
      check: { kind: 'signed_with', algorithms: ['ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'] },
      says: 'statements are signed with an algorithm that all support or should support',
      fix: 'Sign with ES256, ES384 or ES512.',
      source: 'Cryptographic Algorithms',
    },
  ],
};
