import { Refusal } from '../refusal.js';

/** Nobody answers for longer at a time (seconds). */
export const LONGEST_ATTESTATION = 400 * 24 * 60 * 60;

/** @throws Refusal invalid_request */
export function expectNotForLonger(until: number, now: number): void {
  if (until > now + LONGEST_ATTESTATION)
    throw new Refusal(
      'invalid_request',
      `nobody answers for longer than ${LONGEST_ATTESTATION / 86_400} days at a time: at most until ${now + LONGEST_ATTESTATION}`,
    );
}

/** @throws Refusal invalid_request */
export function expectUntil(until: number, now: number): void {
  if (until <= now) throw new Refusal('invalid_request', `${until} has passed; say until when from now on`);
  expectNotForLonger(until, now);
}
