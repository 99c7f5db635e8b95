/** Error codes of federation endpoints and their HTTP status (OpenID Federation 1.0 §8.9). */
export const ERROR_STATUS = {
  invalid_request: 400,
  unsupported_parameter: 400,
  invalid_trust_chain: 400,
  invalid_metadata: 400,
  invalid_client: 401,
  invalid_issuer: 404,
  invalid_subject: 404,
  invalid_trust_anchor: 404,
  not_found: 404,
  /** Extended Subordinate Listing, Implementer's Draft 1. */
  page_not_found: 404,
  /** Entity Collection, draft 00: where a page was to begin. */
  entity_id_not_found: 404,
  server_error: 500,
  temporarily_unavailable: 503,
} as const;
export type ErrorCode = keyof typeof ERROR_STATUS;

/** The error body: both members are required by the format (§8.9). */
export interface ErrorResponse {
  readonly error: ErrorCode;
  readonly error_description: string;
}
