import { type EntityStatement, type Finding, finding, type JwkSet, type PublicJwk, usableKeys, verifyEntityStatement } from '../../federation/entry.js';
import { sameKey } from '../../federation/jwk-set.js';
import { jsonEqual } from '../../federation/strict-json.js';
import { takenAway } from './key-binding.js';
import type { Hold, Raised } from '../../store/schema.js';
import type { MemberRow } from '../registry.js';
import type { Bounds } from './member-end.js';

/**
 * The rules of watching a member, pure: what counts as lasting, when keys may be followed, what a person has to look at.
 */

/** A finding is raised when it was seen this often in a row, and cleared when it was absent this often. */
export const RAISE_AFTER = 3;
export const CLEAR_AFTER = 2;
/** A configuration that has used up this share of its life and was not renewed, and a membership this near its end (seconds). */
const EXPIRING_AT = 0.75;
const ENDING_WITHIN = 30 * 24 * 60 * 60;
/** Of what takes others to renew it is told earlier. */
const REMINDED_WITHIN = 60 * 24 * 60 * 60;

export interface Counted {
  readonly raised: readonly Raised[];
  readonly counting: Readonly<Record<string, number>>;
  /** What became of it this time, for events. */
  readonly appeared: readonly Finding[];
  readonly cleared: readonly Finding[];
}

const nameOf = ({ code, where }: Finding): string => `${code} ${where}`;

/** Hysteresis: one bad minute raises nothing, one good one clears nothing. */
export function count(
  before: { readonly raised: readonly Raised[]; readonly counting: Readonly<Record<string, number>> },
  seen: readonly Finding[],
  now: number,
): Counted {
  const raised: Raised[] = [];
  const counting: Record<string, number> = {};
  const appeared: Finding[] = [];
  const cleared: Finding[] = [];
  const current = new Map(seen.map((one) => [nameOf(one), one]));
  for (const old of before.raised) {
    const name = nameOf(old);
    const again = current.get(name);
    const absent = again ? 0 : (before.counting[name] ?? 0) + 1;
    if (absent >= CLEAR_AFTER) {
      cleared.push(old);
      continue;
    }
    raised.push(again ? { ...again, since: old.since } : old);
    if (absent) counting[name] = absent;
  }
  for (const [name, one] of current) {
    if (before.raised.some((old) => nameOf(old) === name)) continue;
    const times = (before.counting[name] ?? 0) + 1;
    if (times >= RAISE_AFTER) {
      raised.push({ ...one, since: now });
      appeared.push(one);
    } else counting[name] = times;
  }
  return { raised, counting, appeared, cleared };
}

/** What is coming: an end that nobody has moved. */
export function forecast(member: Bounds, { iat, exp }: { readonly iat: number; readonly exp: number }, now: number): readonly Finding[] {
  const findings: Finding[] = [];
  if (now - iat > (exp - iat) * EXPIRING_AT)
    findings.push(finding('configuration_expiring', 'exp', `its configuration of ${iat} ends at ${exp} and was not renewed`));
  if (member.validUntil !== null && member.validUntil - now < ENDING_WITHIN)
    findings.push(finding('membership_ending', 'valid_until', `the membership ends at ${member.validUntil}`));
  if (member.keysUntil !== null && member.keysUntil - now < ENDING_WITHIN)
    findings.push(finding('certificate_ending', 'jwks', `a certificate of its keys ends at ${member.keysUntil}`));
  if (member.accreditedUntil !== null && member.accreditedUntil - now < REMINDED_WITHIN)
    findings.push(finding('accreditation_ending', 'accreditations', `what it is accredited by, and has to be, ends at ${member.accreditedUntil}`));
  if (member.reattestBy !== null && member.reattestBy - now < REMINDED_WITHIN)
    findings.push(finding('reattestation_due', 'reattest_by', `somebody has to say until ${member.reattestBy} that it is still needed`));
  return findings;
}

/** New keys are adopted at most this often without a person (seconds). */
export const FOLLOW_AFTER = 24 * 60 * 60;

/** Read off the clock: a member that signs every night has it every night, so its coming and going is no event. */
export const isEvent = ({ code }: Finding): boolean => code !== 'configuration_expiring';

/** A hold ends by itself when nothing of the kind was shown for this long (seconds). */
export const HOLD_ENDS_AFTER = 24 * 60 * 60;

/**
 * What is held after a look, and what is told of it. What a member shows, and how often we look, is the member's to say: one
 * that shows something else at each look is held throughout, and told of once for each kind.
 * @param shown what the look found; null: nothing
 * @param settled a person has bound the keys that are held
 */
export function holding(
  before: Hold | null,
  shown: Hold | null,
  now: number,
  settled = false,
): { readonly hold: Hold | null; readonly told?: 'member.held' | 'member.hold_ended' } {
  if (shown) {
    const kinds = before ? (before.kinds ?? [before.kind]) : [];
    const known = kinds.includes(shown.kind);
    const at = before && before.kind === shown.kind ? before.at : now;
    return { hold: { ...shown, at, seenAt: now, kinds: known ? kinds : [...kinds, shown.kind] }, ...(!known && { told: 'member.held' }) };
  }
  if (!before) return { hold: null };
  if (!settled && now - (before.seenAt ?? before.at) < HOLD_ENDS_AFTER) return { hold: before };
  return { hold: null, told: 'member.hold_ended' };
}

/** Events about findings of one member in a day: how often they come and go is the member's to say. */
export const FINDING_EVENTS_A_DAY = 4;

/** How many more of them may be told today, and how to count those that are. `counting` holds findings by name and this beside them. */
export function findingEvents(counting: Readonly<Record<string, number>>, now: number) {
  const day = `told on day ${Math.floor(now / (24 * 60 * 60))}`;
  const before = counting[day] ?? 0;
  return {
    left: Math.max(0, FINDING_EVENTS_A_DAY - before),
    counted: (told: number): Readonly<Record<string, number>> => (before + told ? { [day]: before + told } : {}),
  };
}

export type KeyVerdict = 'same' | 'adopt' | 'replayed' | Hold['kind'];

/**
 * May the keys of a configuration be followed (OpenID Federation 1.0 §11.1, §11.2)? Only when a key we already vouch for
 * has signed it, it is newer than what was adopted last, no `kid` names another key, and at least one key stays that can be used.
 */
export async function judgeKeys(member: Pick<MemberRow, 'jwks' | 'keysIat' | 'removedKeys'>, statement: EntityStatement): Promise<KeyVerdict> {
  const { jwks: all, iat } = statement.claims;
  // Keys nobody can verify with are not bound and so not missed; nor does one of them stay.
  const usable = usableKeys(all);
  if (!usable.ok) return 'all_keys_replaced';
  const shown = usable.value.jwks;
  const bound = member.jwks;
  if ((await takenAway(member, shown)).length && (await verifyEntityStatement(statement, bound)).ok)
    return member.keysIat !== null && iat < member.keysIat ? 'replayed' : 'removed_key_shown';
  const find = (set: JwkSet, { kid }: PublicJwk) => set.keys.find((key) => key.kid === kid);
  if (shown.keys.some((key) => differs(key, find(bound, key)))) return 'key_changed_under_kid';
  const staying = shown.keys.filter((key) => find(bound, key));
  if (staying.length === 0) return 'all_keys_replaced';
  const signed = await verifyEntityStatement(statement, bound);
  if (!signed.ok) return 'signed_by_unknown_key';
  const certified = shown.keys.some((key) => key['x5c'] !== undefined && !jsonEqual(key['x5c'], find(bound, key)?.['x5c']));
  if (staying.length === shown.keys.length && staying.length === bound.keys.length && !certified) return 'same';
  return member.keysIat !== null && iat < member.keysIat ? 'replayed' : 'adopt';
}

const differs = (key: PublicJwk, other: PublicJwk | undefined): boolean => other !== undefined && !sameKey(key, other);

export const HOLD_DETAIL: Record<Hold['kind'], string> = {
  removed_key_shown: 'it shows a key that a person took away from it',
  key_changed_under_kid: 'a kid that we vouch for names another key now',
  all_keys_replaced: 'none of the keys we vouch for is among those it shows now',
  signed_by_unknown_key: 'its configuration is signed by a key that we do not vouch for',
  key_unproven: 'it shows a key that it has not proven, or that nobody has confirmed, as this authority demands',
  keys_refused: 'it shows a key that may not be bound here; the findings say why',
  hints_withdrawn: 'it names us no longer among its superiors',
};
