import { ENTITY_EVENTS_STATEMENT, typOf } from './media-types.js';
import { signJws, type Signer } from './jws.js';

/** Federation Subordinate Events Endpoint 1.0 - draft 00, "Subordinate Event Types". */
export const REGISTRATION_EVENTS = ['registration', 'metadata_update', 'metadata_policy_update', 'jwks_update', 'suspension', 'revocation'] as const;
export type RegistrationEventType = (typeof REGISTRATION_EVENTS)[number];

/** One thing that became of a subordinate. `iat` in seconds since the epoch. */
export interface RegistrationEvent {
  readonly iat: number;
  readonly event: RegistrationEventType;
  readonly event_description?: string;
  readonly information_uri?: string;
}

const decidesState = (event: RegistrationEventType): boolean => event === 'registration' || event === 'suspension' || event === 'revocation';

/**
 * The track of one subordinate as it is told: what became of it and, while it was in force, what changed in the statements about
 * it. What changes in the second of a registration is part of that ("Subordinate Event Types").
 * @param own in the order in which they came about
 * @param policyChanges times at which another policy was published, seconds since the epoch
 */
export function registrationEvents(own: readonly RegistrationEvent[], policyChanges: readonly number[]): readonly RegistrationEvent[] {
  const policies = policyChanges.map((iat): RegistrationEvent => ({ iat, event: 'metadata_policy_update' }));
  let registered: number | undefined;
  // A stable sort: of one second, the order in which they came about.
  return [...own, ...policies]
    .toSorted((a, b) => a.iat - b.iat)
    .filter(({ iat, event }) => {
      if (!decidesState(event)) return registered !== undefined && registered < iat;
      registered = event === 'registration' ? iat : undefined;
      return true;
    });
}

/** Sign the track of a subordinate ("JWT Claims"). Times in seconds since the epoch. */
export const signRegistrationEvents = (
  claims: {
    readonly iss: string;
    readonly sub: string;
    readonly iat: number;
    readonly exp: number;
    readonly federation_registration_events: readonly RegistrationEvent[];
  },
  signer: Signer,
): Promise<string> => signJws(typOf(ENTITY_EVENTS_STATEMENT), claims, signer);
