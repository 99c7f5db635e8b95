import type { Profile } from '../profile.js';

/** What a federation that joins the eduGAIN pilot has to show. */
export const edugain: Profile = {
  name: 'edugain',
  version: 'pilot-2026',
  title: 'eduGAIN OpenID Federation pilot',
  rules: [
    {
      id: 'organization',
      severity: 'error',
      applies_to: 'intermediate',
      check: { kind: 'parameters_present', types: ['federation_entity'], parameters: ['organization_name', 'display_name', 'contacts', 'organization_uri'] },
      says: 'a federation shows its registered name, a display name, contacts and its page',
      fix: 'Publish the parameter under federation_entity.',
      source: 'joining requirements',
    },
    {
      id: 'endpoints',
      severity: 'error',
      applies_to: 'intermediate',
      check: {
        kind: 'parameters_present',
        types: ['federation_entity'],
        parameters: ['federation_fetch_endpoint', 'federation_list_endpoint', 'federation_resolve_endpoint'],
      },
      says: 'a federation answers fetch, list and resolve',
      fix: 'Publish the endpoint; resolve has to accept the federation itself and eduGAIN as trust anchors.',
      source: 'joining requirements',
    },
    {
      id: 'superior',
      severity: 'warning',
      applies_to: 'intermediate',
      check: { kind: 'has_superior', entities: [] },
      says: 'the eduGAIN anchor is among its superiors',
      fix: 'Add the eduGAIN anchor to authority_hints.',
      source: 'joining requirements',
    },
    {
      id: 'people',
      severity: 'warning',
      applies_to: 'leaf',
      check: { kind: 'parameters_present', types: ['*'], parameters: ['contacts'] },
      says: 'somebody can be reached',
      fix: 'Publish contacts.',
      source: '',
    },
    {
      id: 'without-query',
      severity: 'error',
      applies_to: 'all',
      check: { kind: 'endpoints_without_query' },
      says: 'federation endpoints have no query',
      fix: 'Publish the endpoint without a query.',
      source: 'deployed-entity conformance plan',
    },
  ],
};
