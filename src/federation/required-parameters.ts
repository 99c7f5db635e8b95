import { finding, type Finding } from './finding.js';
import type { Metadata } from './metadata.js';
import { findingPlace } from './places.js';
import { isObject } from './strict-json.js';

const KEYS = ['jwks', 'jwks_uri', 'signed_jwks_uri'];

/** What each Entity Type must have by the specification behind it; a list means one of them. */
const REQUIRED: Readonly<Record<string, readonly (string | readonly string[])[]>> = {
  // OpenID Connect Registration 1.0 §2; keys because federation clients authenticate with asymmetric ones (§12.1)
  openid_relying_party: ['redirect_uris', KEYS],
  // OpenID Connect Discovery 1.0 §3
  openid_provider: ['issuer', 'authorization_endpoint', 'response_types_supported', 'subject_types_supported', 'id_token_signing_alg_values_supported', KEYS],
  // RFC 8414 §2
  oauth_authorization_server: ['issuer', 'response_types_supported'],
  // RFC 9728 §2
  oauth_resource: ['resource'],
};

/**
 * Parameters that an entity's types require and its Resolved Metadata lacks. The subject of a chain checks its own
 * (OpenID Federation 1.0 §6.1.4.2); pre-flight shows the same to whoever enrols it.
 */
export function missingParameters(metadata: Metadata): readonly Finding[] {
  return Object.entries(isObject(metadata) ? metadata : {}).flatMap(([type, parameters]) => {
    if (!isObject(parameters)) return [];
    const required = Object.hasOwn(REQUIRED, type) ? REQUIRED[type] : [];
    return (required ?? []).flatMap((wanted) => {
      const names = typeof wanted === 'string' ? [wanted] : wanted;
      return names.some((name) => parameters[name] !== undefined)
        ? []
        : [finding('metadata_invalid', findingPlace('metadata', type), `${names.join(' or ')} is required and missing`)];
    });
  });
}
