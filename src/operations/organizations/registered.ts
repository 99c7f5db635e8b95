import { Refusal } from '../refusal.js';

/** In which public register a legal body stands, and under what number. */
export interface Registered {
  readonly registrationNumber?: string | null | undefined;
  /** ISO 3166-1 or 3166-2. */
  readonly jurisdiction?: string | null | undefined;
}

const JURISDICTION = /^[A-Z]{2}(-[A-Z0-9]{1,3})?$/;

/** As it is compared: people write the same number with spaces and in small letters. */
export const registrationKey = (text: string): string => text.replaceAll(/\s+/g, '').toUpperCase();

/** @throws Refusal invalid_request */
export function jurisdictionOf(text: string): string {
  const code = text.trim().toUpperCase();
  if (!JURISDICTION.test(code)) throw new Refusal('invalid_request', 'jurisdiction is a country, or a part of one, by ISO 3166: SE, US-DE');
  return code;
}

/**
 * What stands in the row after a change; what is left out stays.
 * @throws Refusal invalid_request for a number without a jurisdiction: two registers give one number to different bodies
 */
export function registered(
  before: { readonly registrationNumber: string | null; readonly jurisdiction: string | null },
  { registrationNumber, jurisdiction }: Registered,
) {
  const number = registrationNumber === undefined ? before.registrationNumber : registrationNumber === null ? null : registrationKey(registrationNumber);
  const where = jurisdiction === undefined ? before.jurisdiction : jurisdiction === null ? null : jurisdictionOf(jurisdiction);
  if (number === '') throw new Refusal('invalid_request', 'the registration number is empty');
  if (number !== null && where === null) throw new Refusal('invalid_request', 'a registration number needs the jurisdiction of its register: SE, US-DE');
  return { registrationNumber: number, jurisdiction: where };
}
