import { calculateJwkThumbprint } from 'jose';
import { and, eq, inArray } from 'drizzle-orm';
import type { PublicJwk } from '../../federation/entry.js';
import { parseJws } from '../../federation/jws.js';
import { artefact } from '../../store/schema.js';
import type { Deployment } from '../call.js';
import type { AuthorityKeyRow } from '../registry.js';

const thumbprintOf = (jwk: unknown): Promise<string | undefined> => calculateJwkThumbprint(jwk as never).catch(() => undefined);

/** Also of a cell that throws when somebody looks into it (store/json-cell.ts). */
async function isLegible({ jwk }: AuthorityKeyRow): Promise<boolean> {
  try {
    return (await thumbprintOf(jwk)) !== undefined;
  } catch {
    return false;
  }
}

/**
 * The keys of an authority, with those whose cell is damaged read from what it has signed itself. The `kid` of a key of ours is
 * its RFC 7638 thumbprint, so a key that is found so is the key, whoever wrote it down.
 */
export async function legibleKeys({ store: { db } }: Deployment, authorityId: string, keys: readonly AuthorityKeyRow[]): Promise<readonly AuthorityKeyRow[]> {
  const legible = await Promise.all(keys.map(isLegible));
  if (!legible.includes(false)) return keys;
  const signed = await db
    .select({ kind: artefact.kind, bytes: artefact.bytes })
    .from(artefact)
    .where(and(eq(artefact.authorityId, authorityId), inArray(artefact.kind, ['entity_configuration', 'historical_keys'])));
  const shown = new Map<string, PublicJwk>();
  for (const { kind, bytes } of signed)
    for (const jwk of keysIn(bytes, kind === 'historical_keys' ? 'jwk-set+jwt' : 'entity-statement+jwt')) {
      const thumbprint = await thumbprintOf(jwk);
      if (thumbprint !== undefined) shown.set(thumbprint, jwk);
    }
  return keys.map((key, n) => {
    const jwk = legible[n] ? undefined : shown.get(key.kid);
    return jwk ? { ...key, jwk } : key;
  });
}

/**
 * Those of them that can be told to others. A former key that can be read nowhere is left out of the historical keys (OpenID
 * Federation 1.0 §8.7.2): an entry with a name and no key is no JWK (RFC 7517 §4.1), so a reader may refuse the whole set for
 * it, and would lose the others. Without it nobody can verify what it signed, which is what a compromise asks for, and errs on
 * the safe side for the rest. `fsck` names its cell; once that is mended the key is listed again.
 */
export async function tellableKeys(deployment: Deployment, authorityId: string, keys: readonly AuthorityKeyRow[]): Promise<readonly AuthorityKeyRow[]> {
  const read = await legibleKeys(deployment, authorityId, keys);
  const legible = await Promise.all(read.map(isLegible));
  return read.filter((_, n) => legible[n]);
}

/** What was added to a key among others (`iat`, `exp`, `revoked`) is left behind. */
function keysIn(bytes: string, typ: string): readonly PublicJwk[] {
  const jws = parseJws(bytes, typ, Number.MAX_SAFE_INTEGER);
  if (!jws.ok) return [];
  const { keys, jwks } = jws.value.claims as { keys?: unknown; jwks?: { keys?: unknown } };
  const all = Array.isArray(keys) ? keys : Array.isArray(jwks?.keys) ? jwks.keys : [];
  return all.map(({ iat: _, exp: __, revoked: ___, ...jwk }) => jwk as PublicJwk);
}
