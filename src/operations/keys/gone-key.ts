import { calculateJwkThumbprint } from 'jose';
import type { JwkSet, PublicJwk } from '../../federation/entry.js';
import type { EventsOf } from '../../store/change.js';
import type { Statement } from '../../store/database.js';
import type { AuthorityKeyRow } from '../registry.js';

/** A key that was compromised, as it is found among others. */
export interface GoneKey {
  readonly thumbprint: string;
  /** Stands in every key set that has it. */
  readonly text: string;
  /** As it is on record; what cannot be read throws at every look. */
  readonly jwk: PublicJwk;
}

/** What happens to one row that carried it, and which events that makes in which chain. */
export interface Rewritten {
  readonly statements: readonly Statement[];
  readonly events: readonly EventsOf[];
}

/** The `kid` of a key of ours is its thumbprint, also where the key itself cannot be read. */
export async function goneKey({ kid, jwk }: AuthorityKeyRow): Promise<GoneKey> {
  try {
    return { thumbprint: await calculateJwkThumbprint(jwk), text: String(jwk.x ?? jwk.n), jwk };
  } catch {
    return { thumbprint: kid, text: kid, jwk };
  }
}

/** A key set without it; undefined: what stands there is no key set that can be read. A cut does not stop at that. */
export async function split(
  jwks: JwkSet,
  thumbprint: string,
): Promise<{ readonly kept: readonly PublicJwk[]; readonly gone: readonly PublicJwk[] } | undefined> {
  try {
    const named = await Promise.all(jwks.keys.map(async (key) => ({ key, is: (await calculateJwkThumbprint(key)) === thumbprint })));
    return { kept: named.filter(({ is }) => !is).map(({ key }) => key), gone: named.filter(({ is }) => is).map(({ key }) => key) };
  } catch {
    return undefined;
  }
}
