import { type AdmitRegistrationOptions, admitRegistration, type AdmittedRegistration } from './admit-registration.js';
import type { RegistrationRefused } from './answer.js';
import { type ReadOptions, readSigned, type RegistrationReceived } from './read-signed.js';

export interface VerifyRegistrationOptions extends ReadOptions, AdmitRegistrationOptions {}

/**
 * A secure registration (RFC 7591) at an authorization server of any make: a vetted member sends a request signed by a key of its
 * software statement, with an initial access token for that key. Checked in this order, and the first that fails answers:
 * a its form, b the token, c the statement, d who vouches, e that they belong together, f the request's signature, g that everything
 * is in force, h that it asks for no more than what was vouched for, i that the token is used up by it. It keeps nothing itself.
 * @example
 * const result = await verifyRegistration({ contentType, body, initialAccessToken }, { anchors, audience: issuer, now, used, gate, redeem });
 * if (!result.ok) return answer(result.status, { error: result.error, error_description: result.description }, result.headers);
 * @throws TypeError without a finite `now`
 */
export async function verifyRegistration(
  received: RegistrationReceived,
  options: VerifyRegistrationOptions,
): Promise<AdmittedRegistration | RegistrationRefused> {
  const signed = await readSigned(received, options);
  return signed.ok ? admitRegistration(signed, options) : signed;
}
