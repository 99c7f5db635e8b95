/** Why somebody is cut, in the words of whoever does it. */
export const CUT_CODES = [
  'unspecified',
  /** A key, or whoever holds it, is in wrong hands. */
  'compromised',
  /** Another key took its place. */
  'superseded',
  'security_incident',
  /** It does not keep the rules of the federation. */
  'rules_violated',
  /** A court, a supervisor or a law demands it. */
  'legal_order',
  'accreditation_expired',
  /** It ceases to operate. */
  'cessation',
  'own_request',
] as const;
export type CutCode = (typeof CUT_CODES)[number];

/** Why an application is refused. */
export const REFUSE_CODES = ['unspecified', 'incomplete', 'not_eligible', 'not_verified', 'identifier_in_use', 'rules_violated'] as const;
export type RefuseCode = (typeof REFUSE_CODES)[number];

/**
 * Why something was done, in words that stay when what a person wrote is erased: part of the hash from format 2 on. A code is
 * never taken out of the list, since events bear it.
 */
export const REASON_CODES = [
  /** A person gave the reason in words: they stand in the private part. */
  'stated',
  // Some of them are the words of OpenID Federation 1.0 §8.7.3 for keys.
  ...CUT_CODES,
  // Of applications.
  ...(['incomplete', 'not_eligible', 'not_verified', 'identifier_in_use'] as const),
  /** The service acted by a schedule. */
  'schedule',
  /** A key took the place of one that was revoked. */
  'key_revoked',
  // Somebody was cut, or marks were, because what they rest on was.
  'authority_halted',
  'authority_retired',
  'authority_resumed',
  'organization_halted',
  'member_suspended',
  'member_revoked',
  'type_halted',
  // What a member has to have to be in force ended, or was taken away.
  'accreditation_withdrawn',
  'reattestation_due',
  'admission_tightened',
] as const;
export type ReasonCode = (typeof REASON_CODES)[number];

/** The reason of an event for whoever reads it: the words of a person, else the code. */
export const shownReason = (written: string | null | undefined, code: string | null): string | null => written ?? (code === 'stated' ? null : code);
