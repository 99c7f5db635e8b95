import { eq } from 'drizzle-orm';
import { finding, type JwkSet } from '../../federation/entry.js';
import { sameKey } from '../../federation/jwk-set.js';
import type { Database, Statement } from '../../store/database.js';
import { haltedAmong, whileNoOtherHalted } from '../../store/halted-keys.js';
import { holdersOf, NAMED } from '../../store/member-lookups.js';
import { authority, authorityKey } from '../../store/schema.js';
import type { Judged } from '../judged.js';
import { thumbprintsOf } from './key-binding.js';

/** An entity and the keys it has, or is to have. */
export interface Holder {
  readonly entityId: string;
  readonly jwks: JwkSet;
}

/**
 * Keys that are somebody else's too: of another member anywhere in this deployment, or of an authority of it. One compromise
 * is then the end of two. The same identifier under another authority is the same entity.
 * @returns by Entity Identifier; the key of the authority itself is an error, and one that was called compromised here, which
 *   cannot be waived, or halted; everything else is a warning
 */
export async function sharedKeys(db: Database, superior: { readonly id: string }, all: readonly Holder[]): Promise<ReadonlyMap<string, readonly Judged[]>> {
  const held = await Promise.all(all.map(async ({ entityId, jwks }) => ({ entityId, jwks, thumbprints: await thumbprintsOf(jwks) })));
  const holders = await holdersOf(db, [...new Set(held.flatMap(({ thumbprints }) => thumbprints))]);
  for (const { entityId, thumbprints } of held)
    for (const one of thumbprints) holders.set(one, [...new Set([...(holders.get(one) ?? []), entityId])].slice(0, NAMED + 2));
  const halted = await haltedAmong(db, superior.id, [...new Set(held.flatMap(({ thumbprints }) => thumbprints))]);
  const ours = await db
    .select({
      id: authority.id,
      slug: authority.slug,
      entityId: authority.entityId,
      kid: authorityKey.kid,
      jwk: authorityKey.jwk,
      revoked: authorityKey.revokedReason,
    })
    .from(authorityKey)
    .innerJoin(authority, eq(authority.id, authorityKey.authorityId));
  const byNumber = new Map(ours.map((one) => [one.jwk.x ?? one.jwk.n, one]));
  return new Map(
    held.map(({ entityId, jwks, thumbprints }) => {
      const findings: Judged[] = [];
      for (const key of jwks.keys) {
        const owner = byNumber.get(key.x ?? key.n);
        if (!owner || !sameKey(key, owner.jwk)) continue;
        if (owner.revoked === 'compromised')
          findings.push({
            ...finding('key_compromised', `jwks ${key.kid}`, `the authority ${owner.slug} (${owner.entityId}) called it compromised`),
            severity: 'error',
          });
        if (owner.entityId === entityId) continue;
        const detail = `it is a key of the authority ${owner.slug} (${owner.entityId})`;
        findings.push({ ...finding('key_of_authority', `jwks ${key.kid}`, detail), severity: owner.id === superior.id ? 'error' : 'warning' });
      }
      for (const one of thumbprints) {
        if (halted.has(one)) findings.push({ ...finding('key_halted', `jwks ${one}`, 'somebody of this deployment halted it'), severity: 'error' });
        const others = (holders.get(one) ?? []).filter((other) => other !== entityId);
        const list = `${others.slice(0, NAMED).join(', ')}${others.length > NAMED ? ' and others' : ''}`;
        if (others.length) findings.push({ ...finding('key_shared', `jwks ${one}`, `${list} has the same key`), severity: 'warning' });
      }
      return [entityId, findings];
    }),
  );
}

/** A key may be halted while it is being bound, in another chain than this one: the commit asks again. */
export async function whileNoneHaltedMeanwhile(db: Database, authorityId: string, ...all: readonly JwkSet[]): Promise<readonly Statement[]> {
  const thumbprints = (await Promise.all(all.map(thumbprintsOf))).flat();
  return thumbprints.length ? [whileNoOtherHalted(authorityId, thumbprints, [...(await haltedAmong(db, authorityId, thumbprints))])] : [];
}
