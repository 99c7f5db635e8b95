import type { Profile } from '../profile-schema.js';

/** The Trust Anchor of the pilot. */
const PILOT_ANCHOR = 'https://ta.oidf-pilot.edugain.org';

/**
 * What a federation that joins the eduGAIN pilot has to show: every line of "Intermediate Authorities Requirements" that can be
 * seen from outside. That its configuration is signed with the key handed over is what enrolment compares.
 */
export const edugain: Profile = {
  name: 'edugain',
  version: '2025-09-23',
  title: 'eduGAIN OpenID Federation pilot',
  document: 'https://github.com/GEANT/edugain-oidf-pilot (README)',
  status: 'pilot',
  date: '2025-09-23',
  rules: [
    {
      id: 'organization',
      severity: 'error',
      applies_to: 'intermediate',
      check: { kind: 'parameters_present', types: ['federation_entity'], parameters: ['organization_name', 'contacts', 'organization_uri', 'display_name'] },
      says: 'a federation shows its registered name, the technical contact, its page and a name for people',
      fix: 'Publish the parameter under federation_entity.',
      source: 'Intermediate Authorities Requirements',
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
      fix: 'Publish the endpoint.',
      source: 'Intermediate Authorities Requirements',
    },
    {
      id: 'resolves-under-both',
      severity: 'error',
      applies_to: 'intermediate',
      check: { kind: 'resolves_under', entities: ['self', PILOT_ANCHOR] },
      says: 'its resolve endpoint takes itself and the pilot anchor as trust_anchor',
      fix: `Pin the anchor: holdfast anchor pin ${PILOT_ANCHOR}`,
      source: 'Intermediate Authorities Requirements',
    },
    {
      id: 'superior',
      severity: 'error',
      applies_to: 'intermediate',
      check: { kind: 'has_superior', entities: [PILOT_ANCHOR] },
      says: 'the pilot anchor is among its superiors',
      fix: `Add ${PILOT_ANCHOR} to authority_hints.`,
      source: 'Intermediate Authorities Requirements',
    },
    {
      id: 'people',
      severity: 'warning',
      applies_to: 'leaf',
      check: { kind: 'parameters_present', types: ['*'], parameters: ['contacts'] },
      says: 'somebody can be reached',
      fix: 'Publish contacts.',
      source: 'leafs (ours: the pilot asks nothing of them)',
      document: 'Holdfast base profile',
    },
  ],
};
