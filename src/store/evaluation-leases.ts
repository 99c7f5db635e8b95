import { sql } from 'drizzle-orm';
import { insertMissing, insertWith } from './bulk.js';
import { type Database, isDuplicate, raw, type Statement } from './database.js';
import type { KnownEntity } from './known-entities.js';
import { overList, readByList } from './lots.js';
import { onlyWhile } from './only-while.js';
import { knownEntity, LINES } from './schema.js';
import { number, NUMBER } from './words.js';

/** Who of the known entities is being evaluated: the lease, and how it was taken, which is the distance from `lease_until` to `due_at`. */

export const TOGETHER = 0;
export const ALONE = 1;
export const ASIDE = 2;

/** Take one now, due or not; one nobody knew is known from then on. What it was known as stays. Its row says when the lease ends in both columns, as of all that are taken. */
export const takeOrKnow = (row: KnownEntity): Statement =>
  insertWith(knownEntity, [row], 'ON CONFLICT (authority_id, entity_id) DO UPDATE SET due_at = excluded.due_at, lease_until = excluded.lease_until');

/** Those that nobody knew are known from then on. */
export const knowUnknown = (rows: readonly KnownEntity[]): Statement => insertMissing(knownEntity, rows);

/** Rows as they were read: of one that was changed meanwhile nothing is taken, and it is as due as before. */
const AS_READ = `(authority_id, entity_id, lease_until, due_at) IN
   (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), ${number('value', '$[2]')}, ${number('value', '$[3]')} FROM json_each(?))`;
const [BEFORE_LOT = '', AFTER_LOT = ''] = AS_READ.split('?');
const asRead = (known: readonly KnownEntity[]) => known.map(({ authorityId, entityId, leaseUntil, dueAt }) => [authorityId, entityId, leaseUntil, dueAt]);

/** Each with one attempt more. */
export const leaseTogether = (known: readonly KnownEntity[], leaseUntil: number): Statement =>
  overList(`UPDATE known_entity SET lease_until = ?, due_at = ?, attempts = attempts + 1 WHERE ${AS_READ}`, asRead(known), (lot) => [
    leaseUntil,
    leaseUntil + TOGETHER,
    lot,
  ]);

/** Failures of another kind say nothing about how often it was tried alone. */
export const leaseAlone = (known: readonly KnownEntity[], leaseUntil: number): Statement =>
  overList(
    `UPDATE known_entity SET lease_until = ?, due_at = ?, attempts = CASE WHEN due_at - lease_until = ? THEN attempts + 1 ELSE 1 END WHERE ${AS_READ}`,
    asRead(known),
    (lot) => [leaseUntil, leaseUntil + ALONE, ASIDE, lot],
  );

/** Give these back without a result, due then; one that a halt made due meanwhile stays so, since that took the lease away. */
export const giveBack = (known: readonly KnownEntity[], dueAt: number): Statement =>
  overList(
    `UPDATE known_entity SET lease_until = 0, due_at = ? WHERE (authority_id, entity_id, lease_until) IN
       (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), CAST(json_extract(value, '$[2]') AS NUMERIC) FROM json_each(?))`,
    known.map(({ authorityId, entityId, leaseUntil }) => [authorityId, entityId, leaseUntil]),
    (lot) => [dueAt, lot],
  );

/** Nobody evaluates it before then. */
export const putAside = (authorityId: string, entityId: string, dueAt: number, now: number): Statement =>
  raw(
    `UPDATE known_entity SET due_at = ?, lease_until = ?, evaluated_at = ?, line = ${LINES.rest} WHERE authority_id = ? AND entity_id = ?`,
    dueAt,
    dueAt - ASIDE,
    now,
    authorityId,
    entityId,
  );

/**
 * Whoever was evaluating has ended: its leases end now instead of running out.
 * Whatever is taken is due when its lease ends (`due_at`), so they are found among those that are due within the length of one, however many
 * others are known.
 * @param blame false where the end had another reason: nobody is held to have been alone then
 * @param longest how long a lease is at most (seconds)
 */
export const endAllLeases = (blame: boolean, now: number, longest: number): Statement =>
  raw(
    `UPDATE known_entity SET lease_until = ? - CASE WHEN ? = 1 AND due_at - lease_until = ? THEN ${NUMBER} ELSE ${NUMBER} END, due_at = ?
       WHERE due_at > ? AND due_at <= ? AND lease_until > ? AND due_at - lease_until <> ?`,
    now,
    blame ? 1 : 0,
    ALONE,
    ALONE,
    TOGETHER,
    now,
    now,
    now + longest + ALONE,
    now,
    ASIDE,
  );

/** What an entity said of itself, where its configuration was read. */
export type Said = Pick<KnownEntity, 'entityTypes' | 'about' | 'superiors'>;

/** Where and when it is looked at again. */
export interface Again {
  readonly dueAt: number;
  readonly attempts: number;
  readonly line: number;
  /** Seconds since the epoch. */
  readonly now: number;
}

/**
 * What an evaluation found is written only while nobody has taken the entity since, or made it due: whoever did that knows more, and one
 * that began before, and found nobody, would take the answers of one that found somebody.
 */
export const whileAsTaken = ({ authorityId, entityId, leaseUntil, dueAt }: KnownEntity): Statement =>
  onlyWhile(
    authorityId,
    'EXISTS (SELECT 1 FROM known_entity WHERE authority_id = ? AND entity_id = ? AND lease_until = ? AND due_at = ?)',
    authorityId,
    entityId,
    leaseUntil,
    dueAt,
  );

export const keyOf = ({ authorityId, entityId }: Pick<KnownEntity, 'authorityId' | 'entityId'>): string => `${authorityId} ${entityId}`;

/** Those of these that nobody has taken since, or made due, by `keyOf`. */
export async function asTaken(db: Database, known: readonly KnownEntity[]): Promise<ReadonlySet<string>> {
  const rows = await readByList(asRead(known), (lot) =>
    db
      .select({ authorityId: knownEntity.authorityId, entityId: knownEntity.entityId })
      .from(knownEntity)
      .where(sql`${sql.raw(BEFORE_LOT)}${lot}${sql.raw(AFTER_LOT)}`),
  );
  return new Set(rows.map(keyOf));
}

/** Whether that was why nothing was written. */
export const isOvertaken = (error: unknown): boolean => isDuplicate(error, 'event.authority_id, event.seq');

/** Evaluated, and looked at again then; nothing when a halt or a change has made it due meanwhile: that took the lease away, or set another time. */
export function evaluatedNow({ authorityId, entityId, leaseUntil, dueAt: was }: KnownEntity, again: Again, said: Said | undefined): Statement {
  const { dueAt, attempts, line, now } = again;
  const set = said ? { entity_types: JSON.stringify(said.entityTypes), about: JSON.stringify(said.about), superiors: JSON.stringify(said.superiors) } : {};
  const names = Object.keys(set);
  return raw(
    `UPDATE known_entity SET due_at = ?, lease_until = 0, attempts = ?, evaluated_at = ?, line = ?${names.map((name) => `, ${name} = ?`).join('')}
     WHERE authority_id = ? AND entity_id = ? AND lease_until = ? AND due_at = ?`,
    dueAt,
    attempts,
    now,
    line,
    ...Object.values(set),
    authorityId,
    entityId,
    leaseUntil,
    was,
  );
}

/**
 * These wait until then, each for itself, unless something has made it due meanwhile. Nothing was asked. Whoever was told to wait has
 * come a while ago when its time is there: it does not stand before those that have just come.
 */
export const putOff = (known: readonly (Pick<KnownEntity, 'authorityId' | 'entityId' | 'dueAt' | 'leaseUntil'> & { readonly until: number })[]): Statement =>
  overList(
    `UPDATE known_entity SET due_at = ${number('new.value', '$[4]')}, line = CASE WHEN line = ${LINES.changed} THEN ${LINES.many} ELSE line END FROM json_each(?) AS new
     WHERE known_entity.authority_id = json_extract(new.value, '$[0]') AND known_entity.entity_id = json_extract(new.value, '$[1]')
       AND known_entity.due_at = ${number('new.value', '$[2]')} AND known_entity.lease_until = ${number('new.value', '$[3]')}`,
    known.map(({ authorityId, entityId, dueAt, leaseUntil, until }) => [authorityId, entityId, dueAt, leaseUntil, until]),
  );
