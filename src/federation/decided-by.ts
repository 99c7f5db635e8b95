import { z } from 'zod';
import { isObject } from './strict-json.js';

/**
 * What a statement and a status list were made from, as claims: with them whoever let somebody in can say later by which record, which
 * rules and which events. Collision-Resistant Names (RFC 7519 §2), not in `crit`: no decision hangs on them.
 */
const NAMES = 'urn:uuid:ee0939fe-4d9c-47f7-81b5-e4c73cb10cc2';
/** Of a Subordinate Statement: it rises with each change of what its subject may ask for. */
export const ENTITLEMENT_VERSION = `${NAMES}#entitlement_version`;
/** Of a Subordinate Statement: the version of its issuer's policy. */
export const POLICY_VERSION = `${NAMES}#policy_version`;
/** Of a status list: the last event of its issuer's chain that it says all of. */
export const STATUS_SEQ = `${NAMES}#status_seq`;

const whole = z.int().min(0);

/** The number that such a claim says; undefined where it is not there, or is none. */
export function numberIn(claims: unknown, name: string): number | undefined {
  return whole.safeParse(isObject(claims) && Object.hasOwn(claims, name) ? claims[name] : undefined).data;
}
