/** Media types under `application/`, without parameters (OpenID Federation 1.0 §15). */
export const ENTITY_STATEMENT = 'application/entity-statement+jwt';
export const TRUST_MARK = 'application/trust-mark+jwt';
export const TRUST_MARK_DELEGATION = 'application/trust-mark-delegation+jwt';
export const RESOLVE_RESPONSE = 'application/resolve-response+jwt';
export const TRUST_MARK_STATUS_RESPONSE = 'application/trust-mark-status-response+jwt';
/** Federation Subordinate Events Endpoint 1.0 - draft 00, "Response Format". */
export const ENTITY_EVENTS_STATEMENT = 'application/entity-events-statement+jwt';
/** draft-ietf-oauth-status-list-20, "Status List Response". */
export const STATUS_LIST = 'application/statuslist+jwt';
export const JWK_SET_JWT = 'application/jwk-set+jwt';
/** Listings and errors are plain JSON (§8.2.2, §8.9). */
export const JSON_TYPE = 'application/json';

/** The `typ` header that goes with a media type (RFC 7515 §4.1.9 drops the `application/`). */
export const typOf = (mediaType: string): string => mediaType.replace(/^application\//, '');
