import { z } from 'zod';
import { numberIn, STATUS_SEQ } from './decided-by.js';
import { failure, finding, quote, refuse, type Result, success } from './finding.js';
import type { JwkSet } from './jwk-set.js';
import { checkTimes, type KeyCache, parseJws, type Signer, signJws, verifyJws } from './jws.js';
import { CLOCK_SKEW_SECONDS, MAX_STATUS_LIST_BYTES } from './limits.js';
import { STATUS_LIST, typOf } from './media-types.js';
import { numericDate, requireNow, requireWhole } from './numeric-date.js';
import { failures, findingPlace } from './places.js';
import { isObject } from './strict-json.js';
import { placesIn, statusAt, STATUS_BITS, type StatusBits, type StatusListClaim, unpackStatuses } from './status-list.js';

/** Status List Tokens in JWT format (draft-ietf-oauth-status-list-20). Times in seconds since the epoch. */

/** Where whoever holds something asks whether it still stands: the claim `status` ("Referenced Token in JOSE"). */
export interface StatusReference {
  readonly uri: string;
  readonly idx: number;
}

/** The claim `status` of what is to be looked up in a status list. */
export const statusClaim = ({ uri, idx }: StatusReference) => ({ status_list: { idx, uri } });

const reference = z.looseObject({
  status_list: z.looseObject({ uri: z.string().min(1).max(2048), idx: z.int().min(0).max(100_000_000) }).optional(),
});

/**
 * What the claim `status` says. Undefined: it is not there, or names no list. One that cannot be read is a finding: who looks past it
 * would take what was revoked for what has no status.
 */
export function readStatusReference(status: unknown): Result<StatusReference | undefined> {
  if (status === undefined) return success(undefined);
  const parsed = reference.safeParse(status);
  if (!parsed.success) return refuse('claim_invalid', 'status', 'it is no reference to a status list: {"status_list":{"idx":…,"uri":…}}');
  const { status_list: list } = parsed.data;
  return success(list && { uri: list.uri, idx: list.idx });
}

/** The same for what is known to be sound; undefined where it is not, too. */
export function statusReference(status: unknown): StatusReference | undefined {
  const read = readStatusReference(status);
  return read.ok ? read.value : undefined;
}

/**
 * The claim of a Subordinate Statement that says when its subject came back last, from a suspension of its own or with its
 * authority (seconds since the epoch): what was issued to it before is not to live again. Not `nbf`, which is about the statement.
 * A Collision-Resistant Name (RFC 7519 §2), and not in `crit`: whoever does not know it passes over it.
 */
export const NOT_BEFORE = 'urn:uuid:ee0939fe-4d9c-47f7-81b5-e4c73cb10cc2#not_before';

/** What that claim says; undefined where it is not there, or is no time. */
export function notBeforeOf(claims: Readonly<Record<string, unknown>>): number | undefined {
  const parsed = numericDate.safeParse(isObject(claims) && Object.hasOwn(claims, NOT_BEFORE) ? claims[NOT_BEFORE] : undefined);
  return parsed.success ? parsed.data : undefined;
}

export interface StatusListInput {
  readonly iss: string;
  /** Its own URL: what references name. */
  readonly sub: string;
  readonly iat: number;
  readonly exp: number;
  /** For how long it is to be kept before it is asked for anew (seconds). */
  readonly ttl: number;
  readonly status_list: StatusListClaim;
  /** Index, or `*` for all of them, to when it came back: for as long as a statement may be around that does not say so itself. */
  readonly [NOT_BEFORE]?: Readonly<Record<string, number>> | undefined;
  readonly [STATUS_SEQ]?: number;
}

/** Sign a list. @throws TypeError for a time that is not a whole number of seconds */
export function signStatusList(claims: StatusListInput, signer: Signer): Promise<string> {
  const { iat, exp, ttl } = claims;
  requireWhole({ iat, exp, ttl });
  return signJws(typOf(STATUS_LIST), claims, signer);
}

export interface StatusListOptions {
  /** Seconds since the epoch. */
  readonly now: number;
  /** What the reference says: the list has to be that very one. */
  readonly uri: string;
  /** The keys of whoever keeps the list, from a Trust Chain that the caller validated. */
  readonly jwks: JwkSet;
  /** What was asked for by `?time=`: the list has to have been in force then ("Historical Resolution"), and may have ended since. */
  readonly time?: number;
  readonly cache?: KeyCache;
}

/** A list whose signature, times and URL are sound. */
export interface StatusList {
  readonly iat: number;
  /** It says nothing from then on. */
  readonly exp: number;
  /** After so long it is to be asked for anew (seconds); undefined: it does not say. */
  readonly ttl: number | undefined;
  /** How many places it has. */
  readonly size: number;
  /** What it takes in memory, about (bytes). */
  readonly weight: number;
  /** The last event of its issuer's chain that it says all of; undefined: it does not say. */
  readonly seq: number | undefined;
  /** The value at a place; undefined out of bounds, which is not valid. */
  readonly at: (idx: number) => number | undefined;
  /**
   * When whoever stands there came back last, if that was lately: what was issued to it before is not to live again. A statement
   * about it says the same (`notBeforeOf`), once it was signed after that; the later of the two counts.
   */
  readonly notBefore: (idx: number) => number | undefined;
}

const shape = z.looseObject({
  sub: z.string(),
  iat: numericDate,
  exp: numericDate,
  nbf: numericDate.optional(),
  ttl: numericDate.gt(0).optional(),
  status_list: z.looseObject({ bits: z.literal(STATUS_BITS), lst: z.string() }),
  [NOT_BEFORE]: z.record(z.string(), numericDate).optional(),
});

/**
 * Read a Status List Token: type, claims, URL, times, signature, and only then is anything unpacked. Stricter than the text in one
 * thing: a list without `exp` is refused, since nobody could say when to stop believing it.
 * Findings: those of `parseJws` and `verifyJws`, claim_invalid, subject_mismatch, expired, not_yet_valid, status_list_invalid, too_large.
 * @throws TypeError without a finite `now`
 */
export async function readStatusList(compact: unknown, { now, uri, jwks, time, cache }: StatusListOptions): Promise<Result<StatusList>> {
  requireNow(now);
  if (time !== undefined) requireNow(time);
  const jws = parseJws(compact, typOf(STATUS_LIST), MAX_STATUS_LIST_BYTES, { typAsMediaType: true });
  if (!jws.ok) return jws;
  const parsed = shape.safeParse(jws.value.claims);
  if (!parsed.success) return failures(parsed.error.issues.map((issue) => finding('claim_invalid', findingPlace(...issue.path), issue.message)));
  const { sub, iat, exp, nbf, ttl, status_list: list, [NOT_BEFORE]: back = {} } = parsed.data;
  if (sub !== uri) return refuse('subject_mismatch', 'sub', `it is the list ${quote(sub)}, not ${quote(uri)}`);
  if (!(iat < exp)) return refuse('claim_invalid', 'exp', 'it ends before it begins');
  // Of the past no skew: the caller chose the second.
  const late =
    time === undefined
      ? checkTimes({ iat, exp, nbf }, now, CLOCK_SKEW_SECONDS)
      : (checkTimes({ iat, exp, nbf }, time, 0) ?? checkTimes({ iat }, now, CLOCK_SKEW_SECONDS));
  if (late) return failure(late);
  const key = await verifyJws(jws.value, jwks, cache);
  if (!key.ok) return key;
  const unpacked = await unpackStatuses(list as { bits: StatusBits; lst: string });
  if ('code' in unpacked) return failure(unpacked);
  const seq = numberIn(jws.value.claims, STATUS_SEQ);
  return success({
    iat,
    exp,
    ttl,
    seq,
    size: placesIn(unpacked),
    weight: unpacked.bytes.length + jws.value.compact.length,
    at: (idx: number) => statusAt(unpacked, idx),
    notBefore,
  });
  function notBefore(idx: number): number | undefined {
    const times = ['*', String(idx)].flatMap((name) => (Object.hasOwn(back, name) ? (back[name] ?? []) : []));
    return times.length ? Math.max(...times) : undefined;
  }
}
