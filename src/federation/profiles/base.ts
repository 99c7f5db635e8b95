import type { Profile } from '../profile-schema.js';

/** What other software looks at in any deployed federation, beyond the letter of the standard. */
export const base: Profile = {
  name: 'base',
  version: '2',
  title: 'Base profile',
  document: 'Holdfast base profile',
  status: 'final',
  date: '2026-11-25',
  rules: [
    {
      id: 'endpoints-without-query',
      severity: 'error',
      applies_to: 'all',
      check: { kind: 'endpoints_without_query' },
      says: 'federation endpoints have no query: clients append theirs',
      fix: 'Publish the endpoint without a query.',
      source: 'deployed-entity conformance plan',
    },
    {
      id: 'organization-name',
      severity: 'warning',
      applies_to: 'all',
      check: { kind: 'parameters_present', types: ['federation_entity'], parameters: ['organization_name'] },
      says: 'people need to see who it is',
      fix: 'Publish organization_name.',
      source: '§5.2.2',
      document: 'OpenID Federation 1.0',
    },
    {
      id: 'has-superior',
      severity: 'warning',
      applies_to: 'leaf',
      check: { kind: 'has_superior', entities: [] },
      says: 'an entity that names no superior is in no federation',
      fix: 'Publish authority_hints.',
      source: '§3.1.2',
      document: 'OpenID Federation 1.0',
    },
    {
      id: 'not-too-short',
      severity: 'warning',
      applies_to: 'all',
      check: { kind: 'lifetime', at_least: 3600, at_most: 31_622_400 },
      says: 'a configuration lives an hour to a year',
      fix: 'Choose another lifetime.',
      source: 'lifetimes',
    },
  ],
};
