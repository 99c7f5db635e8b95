import { calculateJwkThumbprint } from 'jose';
import type { JwkSet, PublicJwk } from '../../federation/entry.js';
import { sameKey } from '../../federation/jwk-set.js';
import { type GoneKey, split } from './gone-key.js';

type Claims = Readonly<Record<string, unknown>>;

const objectOf = (value: unknown): Claims => (typeof value === 'object' && value !== null ? (value as Claims) : {});
const ownersOf = (claims: Claims): readonly (readonly [type: string, owner: Claims])[] =>
  Object.entries(objectOf(claims['trust_mark_owners'])).map(([type, owner]) => [type, objectOf(owner)]);

/** The keys of every owner that is named, by thumbprint. What is no key is for the signature of the configuration to refuse. */
export async function ownerThumbprints(claims: Claims): Promise<readonly string[]> {
  const keys = ownersOf(claims).flatMap(([, { jwks }]) => {
    const set = objectOf(jwks)['keys'];
    return Array.isArray(set) ? (set as unknown[]) : [];
  });
  const named = await Promise.all(keys.map((key) => calculateJwkThumbprint(key as PublicJwk).catch(() => undefined)));
  return [...new Set(named.filter((one) => one !== undefined))];
}

/** What became of one owner whose keys held a compromised one. */
export interface Disowned {
  readonly type: string;
  readonly sub: unknown;
  readonly removed: readonly string[];
  readonly added: readonly string[];
  /** The type is recognized no longer; these were its issuers. */
  readonly forgotten?: { readonly issuers: unknown };
}

/**
 * The claims of a configuration in which no owner has the key (OpenID Federation 1.0 §3.1.2). An owner that is left without a
 * key cannot stay, and without an owner marks of the type would need no delegation: the type goes with it, from the issuers too.
 * @param heir stands in the place of the key where the owner is `sub`
 */
export async function withoutOwnersKey(
  claims: Claims,
  gone: GoneKey,
  heir: { readonly sub: string; readonly jwk: PublicJwk | undefined },
): Promise<{ readonly claims: Claims; readonly disowned: readonly Disowned[] }> {
  const owners: Record<string, unknown> = { ...objectOf(claims['trust_mark_owners']) };
  const issuers: Record<string, unknown> = { ...objectOf(claims['trust_mark_issuers']) };
  const disowned: Disowned[] = [];
  for (const [type, owner] of ownersOf(claims)) {
    const found = await split(owner['jwks'] as JwkSet, gone.thumbprint);
    // A set that cannot be read and has the number of the key in it vouches for nobody.
    if (found ? found.gone.length === 0 : !JSON.stringify(owner).includes(gone.text)) continue;
    const kept = found?.kept ?? [];
    const { jwk } = heir;
    const added = found && owner['sub'] === heir.sub && jwk && !kept.some((one) => sameKey(one, jwk)) ? [jwk] : [];
    const keys = [...kept, ...added];
    if (keys.length) owners[type] = { ...owner, jwks: { ...objectOf(owner['jwks']), keys } };
    disowned.push({
      type,
      sub: owner['sub'],
      removed: (found?.gone ?? []).map(({ kid }) => kid),
      added: added.map(({ kid }) => kid),
      ...(keys.length === 0 && { forgotten: { issuers: issuers[type] ?? null } }),
    });
    if (keys.length === 0) {
      delete owners[type];
      delete issuers[type];
    }
  }
  const { trust_mark_owners: _, trust_mark_issuers: __, ...others } = claims;
  const left = (name: string, value: object) => (Object.keys(value).length ? { [name]: value } : {});
  return { claims: { ...others, ...left('trust_mark_issuers', issuers), ...left('trust_mark_owners', owners) }, disowned };
}
