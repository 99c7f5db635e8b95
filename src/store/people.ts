import { and, asc, eq, gt, isNull, ne, or, sql } from 'drizzle-orm';
import type { Database, Statement } from './database.js';
import { apiKey, authority, person, roleGrant } from './schema.js';

export type PersonRow = typeof person.$inferSelect;
export type RoleGrantRow = typeof roleGrant.$inferSelect;

/** Everything a person may, and comes in with, ends. */
export const endPersonRows = (db: Database, id: string, now: number): readonly Statement[] => [
  db.update(person).set({ state: 'ended', endedAt: now, updatedAt: now }).where(eq(person.id, id)),
  db
    .update(apiKey)
    .set({ revokedAt: now })
    .where(and(eq(apiKey.personId, id), isNull(apiKey.revokedAt))),
  db
    .update(roleGrant)
    .set({ endedAt: now })
    .where(and(eq(roleGrant.personId, id), isNull(roleGrant.endedAt))),
];

/** How many persons it takes at an authority; null: the most that it takes at any that is not retired. */
export async function quorumOf(db: Database, authorityId: string | null): Promise<number> {
  const rows = await db
    .select({ quorum: authority.quorum })
    .from(authority)
    .where(authorityId === null ? ne(authority.state, 'retired') : eq(authority.id, authorityId));
  return Math.max(1, ...rows.map(({ quorum }) => quorum));
}

/**
 * The person an actor is, or whose key made this one, or made the key that did: with it he acts himself. However many keys lie in
 * between: each was made by an earlier one.
 */
export async function personBehind(db: Database, actorId: string | null): Promise<string | undefined> {
  if (actorId === null || actorId.startsWith('per_')) return actorId ?? undefined;
  const rows = await db.all<{ who: string | null }>(sql`
    WITH RECURSIVE made (id, who) AS (
      SELECT id, coalesce(person_id, created_by) FROM api_key WHERE id = ${actorId}
      UNION SELECT k.id, coalesce(k.person_id, k.created_by) FROM api_key AS k JOIN made AS m ON k.id = m.who)
    SELECT who FROM made WHERE substr(who, 1, 4) = 'per_'`);
  return rows[0]?.who ?? undefined;
}

/** A way in to everything, without an end: a machine's owner key, or a person who is an owner, with a key for it. */
export interface Granter {
  readonly keyId: string;
  /** Null: a machine's. */
  readonly personId: string | null;
  readonly grantId: string | null;
}

export async function granters(db: Database): Promise<readonly Granter[]> {
  const whole = and(isNull(apiKey.authorities), isNull(apiKey.revokedAt), isNull(apiKey.expiresAt));
  const machines = await db
    .select({ keyId: apiKey.id })
    .from(apiKey)
    .where(and(eq(apiKey.role, 'owner'), isNull(apiKey.personId), whole));
  const people = await db
    .select({ keyId: apiKey.id, personId: person.id, grantId: roleGrant.id })
    .from(apiKey)
    .innerJoin(person, eq(person.id, apiKey.personId))
    .innerJoin(roleGrant, eq(roleGrant.personId, person.id))
    .where(
      and(
        or(eq(apiKey.role, 'person'), eq(apiKey.role, 'owner')),
        whole,
        eq(person.state, 'active'),
        eq(roleGrant.role, 'owner'),
        isNull(roleGrant.authorityId),
        isNull(roleGrant.expiresAt),
        isNull(roleGrant.endedAt),
      ),
    );
  return [...machines.map(({ keyId }) => ({ keyId, personId: null, grantId: null })), ...people];
}

/** Persons who have a key with which they can act now. */
export const peopleWithKeys = async (db: Database, now: number): Promise<readonly string[]> => {
  const rows = await db
    .selectDistinct({ id: person.id })
    .from(person)
    .innerJoin(apiKey, eq(apiKey.personId, person.id))
    .where(and(eq(person.state, 'active'), isNull(apiKey.revokedAt), or(isNull(apiKey.expiresAt), gt(apiKey.expiresAt, now))));
  return rows.map(({ id }) => id);
};

export const grantsOf = (db: Database, personId: string): Promise<(RoleGrantRow & { slug: string | null })[]> =>
  db
    .select({
      id: roleGrant.id,
      personId: roleGrant.personId,
      role: roleGrant.role,
      authorityId: roleGrant.authorityId,
      grantedBy: roleGrant.grantedBy,
      secondBy: roleGrant.secondBy,
      grantedAt: roleGrant.grantedAt,
      expiresAt: roleGrant.expiresAt,
      endedAt: roleGrant.endedAt,
      slug: authority.slug,
    })
    .from(roleGrant)
    .leftJoin(authority, eq(authority.id, roleGrant.authorityId))
    .where(eq(roleGrant.personId, personId))
    .orderBy(asc(roleGrant.grantedAt), asc(roleGrant.id));
