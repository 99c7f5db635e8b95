import { Refusal } from '../refusal.js';

/** Seconds. What opens a registration need not live long: the client lives by its status, not by this. */
export const DEFAULT_LIFETIME = 60 * 60;
export const MIN_LIFETIME = 60;
export const MAX_LIFETIME = 24 * 60 * 60;

/** Statements of one member that have not ended, and as many tokens that nobody used. */
export const MAX_OPEN = 200;

/** @throws Refusal invalid_request */
export function lifetimeOf(asked = DEFAULT_LIFETIME): number {
  if (asked < MIN_LIFETIME || asked > MAX_LIFETIME) throw new Refusal('invalid_request', `lifetime: ${MIN_LIFETIME} to ${MAX_LIFETIME} seconds`);
  return asked;
}
