import type { Finding } from '../federation/entry.js';

/** A domain "no" to a person. Codes are stable and documented; admin/errors.ts gives each its HTTP status. */
export const REFUSALS = [
  'invalid_request',
  'permission_denied',
  'not_found',
  'already_exists',
  'wrong_state',
  'version_conflict',
  'findings',
  'key_not_ready',
  'last_owner',
  'temporarily_unavailable',
  'not_confirmed',
  'self_approval',
  'editor_cannot_approve',
  'decision_changed',
  'already_decided',
  'challenge_invalid',
  'key_proof_invalid',
  'key_already_bound',
  'key_unacceptable',
  'key_unproven',
  'key_unconfirmed',
  'accreditation_not_in_force',
  'payload_too_large',
  'join_link_ended',
  'member_not_active',
  'entitlement_exceeded',
  'audience_unknown',
  'audience_mismatch',
  'key_not_bound',
  'already_redeemed',
  'token_ended',
  'agents_exhausted',
] as const;
export type RefusalCode = (typeof REFUSALS)[number];

export class Refusal extends Error {
  constructor(
    readonly code: RefusalCode,
    message: string,
    readonly findings: readonly Finding[] = [],
  ) {
    super(message);
  }
}

export const refuseFindings = (message: string, findings: readonly Finding[]) => new Refusal('findings', message, findings);
