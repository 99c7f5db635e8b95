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

/** What is on record of some keys. */
export interface KeysKnown {
  /** Those of this deployment's authorities. */
  readonly ours: ReadonlyMap<string | undefined, OwnKey>;
  /** Entity Identifiers of a few members that have each, by thumbprint. */
  readonly holders: ReadonlyMap<string, readonly string[]>;
  /** Thumbprints of those that were halted. */
  readonly halted: ReadonlySet<string>;
}

const keysOfAuthorities = (db: Database) =>
  db
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
type OwnKey = Awaited<ReturnType<typeof keysOfAuthorities>>[number];

/** Read what is on record of keys, anywhere in this deployment; those that are halted, at an authority. */
export async function keysKnown(db: Database, superior: { readonly id: string }, all: readonly JwkSet[]): Promise<KeysKnown> {
  const thumbprints = [...new Set((await Promise.all(all.map(thumbprintsOf))).flat())];
  return {
    holders: await holdersOf(db, thumbprints),
    halted: await haltedAmong(db, superior.id, thumbprints),
    ours: new Map((await keysOfAuthorities(db)).map((one) => [one.jwk.x ?? one.jwk.n, one])),
  };
}

/**
 * Keys that are somebody else's too: of another member anywhere in this deployment, or of an authority of it. One compromise
 * is then the end of two. The same identifier under another authority is the same entity.
 * @returns by Entity Identifier; the key of the authority itself is an error, and one that was called compromised here, which
 *   cannot be waived, or halted; everything else is a warning
 */
export const sharedKeys = async (db: Database, superior: { readonly id: string }, all: readonly Holder[]): Promise<ReadonlyMap<string, readonly Judged[]>> =>
  sharedAmong(
    await keysKnown(
      db,
      superior,
      all.map(({ jwks }) => jwks),
    ),
    superior,
    all,
  );

/** @param known of their keys */
export async function sharedAmong(
  { ours: byNumber, holders: known, halted }: KeysKnown,
  superior: { readonly id: string },
  all: readonly Holder[],
): Promise<ReadonlyMap<string, readonly Judged[]>> {
  const held = await Promise.all(all.map(async ({ entityId, jwks }) => ({ entityId, jwks, thumbprints: await thumbprintsOf(jwks) })));
  const holders = new Map<string, readonly string[]>();
  for (const { entityId, thumbprints } of held)
    for (const one of thumbprints) holders.set(one, [...new Set([...(holders.get(one) ?? known.get(one) ?? []), entityId])].slice(0, NAMED + 2));
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

/** A key may be halted while it is being bound, in another chain than this one: the commit asks again. @param known of these keys */
export async function whileNoneHaltedSince(
  { halted }: Pick<KeysKnown, 'halted'>,
  authorityId: string,
  ...all: readonly JwkSet[]
): Promise<readonly Statement[]> {
  const thumbprints = (await Promise.all(all.map(thumbprintsOf))).flat();
  const known = thumbprints.filter((one) => halted.has(one));
  return thumbprints.length ? [whileNoOtherHalted(authorityId, thumbprints, [...new Set(known)])] : [];
}

/** The same, with what is halted now. */
export async function whileNoneHaltedMeanwhile(db: Database, authorityId: string, jwks: JwkSet): Promise<readonly Statement[]> {
  const thumbprints = await thumbprintsOf(jwks);
  return thumbprints.length ? whileNoneHaltedSince({ halted: await haltedAmong(db, authorityId, thumbprints) }, authorityId, jwks) : [];
}
