import type { JwkSet, PublicJwk } from '../../federation/entry.js';
import { thumbprintOf } from '../../keys/thumbprint.js';
import { sameKey } from '../../federation/jwk-set.js';
import { jsonEqual } from '../../federation/strict-json.js';
import type { MemberRow } from '../registry.js';

/**
 * The rules that bind keys to members, pure. A key is its RFC 7638 thumbprint; a `kid` is a name that anybody can give to
 * another key.
 */

/** One bound key, for events: its name and its thumbprint (`jkt`). */
export interface NamedKey {
  readonly kid: string;
  readonly jkt: string;
}

export interface KeyDifference {
  readonly added: readonly NamedKey[];
  readonly removed: readonly NamedKey[];
}

/** The keys of a set, each by its name and its thumbprint. */
export const namedKeys = ({ keys }: JwkSet): Promise<NamedKey[]> => Promise.all(keys.map(async (key) => ({ kid: key.kid, jkt: await thumbprintOf(key) })));
const without = (some: readonly NamedKey[], others: readonly NamedKey[]) => some.filter(({ jkt }) => !others.some((other) => other.jkt === jkt));

/** The thumbprints of a key set. */
export const thumbprintsOf = async (jwks: JwkSet): Promise<readonly string[]> => [...new Set((await namedKeys(jwks)).map(({ jkt }) => jkt))];

/**
 * Whoever gets a key that another one gets at the same moment sees what becomes of that one (`key_shared`, §3.1.1): by these names they are
 * kept apart in the queue of their authority, by whatever way each gets it.
 */
export const apartByKeys = async (...all: readonly JwkSet[]): Promise<readonly string[]> =>
  [...new Set((await Promise.all(all.map(thumbprintsOf))).flat())].map((one) => `key ${one}`);

/** What changes between two key sets. */
export async function keyDifference(before: JwkSet, after: JwkSet): Promise<KeyDifference> {
  const [old, fresh] = [await namedKeys(before), await namedKeys(after)];
  return { added: without(fresh, old), removed: without(old, fresh) };
}

/**
 * Keys as a configuration shows them, with the certificates that they were bound with where it shows none: leaving a
 * certificate out is no way around its end.
 */
export const withCertificates = (shown: JwkSet, bound: JwkSet): JwkSet => ({
  keys: shown.keys.map((key) => {
    const x5c = key['x5c'] === undefined ? bound.keys.find((one) => sameKey(one, key))?.['x5c'] : undefined;
    return x5c === undefined ? key : { ...key, x5c };
  }),
});

/** Keys that stay under other certificates. */
export const certifiedAnew = (before: JwkSet, after: JwkSet): readonly PublicJwk[] =>
  after.keys.filter((key) => before.keys.some((one) => sameKey(one, key) && !jsonEqual(one['x5c'], key['x5c'])));

/** Keys of a set that a person took away from this member. */
export const takenAway = async ({ removedKeys }: Pick<MemberRow, 'removedKeys'>, jwks: JwkSet): Promise<readonly NamedKey[]> =>
  (await namedKeys(jwks)).filter(({ jkt }) => removedKeys.includes(jkt));

/** Who vouches for the keys: a person, at a time, or a configuration that a bound key has signed, by its `iat` (seconds). */
export type VouchedBy = { readonly person: number } | { readonly iat: number };

export interface Binding {
  readonly row: MemberRow;
  readonly difference: KeyDifference;
}

/**
 * Bind keys in the place of those bound before. What a person takes away is remembered, what a person gives is forgiven;
 * from then on no configuration made earlier is followed. The caller has refused what `takenAway` names where no person vouches.
 */
export async function bindKeys(before: MemberRow, jwks: JwkSet, by: VouchedBy): Promise<Binding> {
  const difference = await keyDifference(before.jwks, jwks);
  const given = (await namedKeys(jwks)).map(({ jkt }) => jkt);
  const person = 'person' in by;
  const removedKeys = person
    ? [...new Set([...before.removedKeys, ...difference.removed.map(({ jkt }) => jkt)])].filter((jkt) => !given.includes(jkt))
    : before.removedKeys;
  const row = { ...before, jwks, removedKeys, keysIat: person ? by.person : by.iat, cut: before.cut + (difference.removed.length ? 1 : 0) };
  return { row, difference };
}

/** The difference as events tell it. */
export const toldDifference = ({ added, removed }: KeyDifference) => ({
  added: added.map(({ kid }) => kid),
  removed: removed.map(({ kid }) => kid),
  added_thumbprints: added.map(({ jkt }) => jkt),
  removed_thumbprints: removed.map(({ jkt }) => jkt),
});
