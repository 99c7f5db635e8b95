import { and, asc, desc, eq, gt, inArray, lt, lte, sql } from 'drizzle-orm';
import { mediaTypes, type RegistrationEvent } from '../federation/entry.js';
import { insertRows } from './bulk.js';
import { type Database, raw, type Statement } from './database.js';
import { overList, readByList } from './lots.js';
import { artefact, event, member, registrationEvent } from './schema.js';
import { NUMBER } from './words.js';

/** What became of subordinates, and the artefacts that tell it (Federation Subordinate Events Endpoint draft). */

/** Of one subordinate the newest are told. */
const MOST_TOLD = 500;

export type NewRegistrationEvent = typeof registrationEvent.$inferInsert;

/**
 * An artefact that is to be made of the events of each of them, by whoever signs what is due; until then nothing is served in
 * its place, since what stands there says too little. So a cut needs no signature.
 */
const DUE = (
  from: string,
  whose = '?',
) => `INSERT INTO artefact (authority_id, kind, key, variant, media_type, bytes, sha256, iat, exp, kid, generation, cut, renew_at, lease_until, withheld)
  SELECT a.id, 'events', e.value, '', '${mediaTypes.ENTITY_EVENTS_STATEMENT}', '', '', ${NUMBER}, ${NUMBER}, '', a.generation, 0, ${NUMBER}, 0, 'not_issued'
  FROM ${from} AS e JOIN authority AS a ON a.id = ${whose} AND a.subordinate_events = 1 WHERE true
  ON CONFLICT (authority_id, kind, key, variant) DO UPDATE SET renew_at = excluded.renew_at, lease_until = 0, withheld = 'not_issued'`;

/** Keep what became of subordinates of one authority, and have it told. */
export const keepRegistrationEvents = (authorityId: string, rows: readonly NewRegistrationEvent[], now: number): readonly Statement[] =>
  rows.length === 0
    ? []
    : [
        insertRows(registrationEvent, rows),
        overList(DUE('json_each(?)'), [...new Set(rows.map(({ entityId }) => entityId))], (lot) => [now, now, now, lot, authorityId]),
      ];

/** The active members of an organization are about to be suspended with it: keep and tell that, by predicate. */
export function suspensionsOf(authorityId: string, organizationId: string, description: string | null, now: number): readonly Statement[] {
  const members = "SELECT entity_id AS value FROM member WHERE authority_id = ? AND organization_id = ? AND state || '' = 'active'";
  return [
    raw(
      `INSERT INTO registration_event (authority_id, entity_id, at, event, description) SELECT authority_id, entity_id, ${NUMBER}, 'suspension', CAST(? AS TEXT) FROM member
       WHERE authority_id = ? AND organization_id = ? AND state || '' = 'active'`,
      now,
      description,
      authorityId,
      organizationId,
    ),
    raw(DUE(`(${members})`), now, now, now, authorityId, organizationId, authorityId),
  ];
}

/** What is told of a member `m`: in force or not, by the last event that says so. */
export const LAST_TOLD = `(SELECT r.event FROM registration_event AS r WHERE r.authority_id = m.authority_id AND r.entity_id = m.entity_id
  AND r.event IN ('registration', 'suspension', 'revocation') ORDER BY r.id DESC LIMIT 1)`;
/** Whoever was told to be suspended and is revoked, or was archived after that, is told to be revoked. */
export const TOLD_OTHERWISE = `((m.state = 'active' AND coalesce(${LAST_TOLD}, '') <> 'registration')
  OR (m.state <> 'active' AND coalesce(${LAST_TOLD}, '') = 'registration')
  OR (m.state IN ('revoked', 'archived') AND coalesce(${LAST_TOLD}, '') = 'suspension'))`;

/** Which members come next, by their ids. */
export const memberIdsAfter = async (db: Database, after: string, most: number): Promise<readonly string[]> =>
  (await db.select({ id: member.id }).from(member).where(gt(member.id, after)).orderBy(asc(member.id)).limit(most)).map(({ id }) => id);

/** Those of these members of whom something else is told than what they are. */
export const toldOtherwiseOf = async (db: Database, memberIds: readonly string[]): Promise<readonly string[]> =>
  (
    await readByList(memberIds, (lot) =>
      db.all<{ id: string }>(sql`SELECT m.id AS id FROM member AS m WHERE m.id IN (SELECT value FROM json_each(${lot})) AND ${sql.raw(TOLD_OTHERWISE)}`),
    )
  ).map(({ id }) => id);

/**
 * Tell of these members what they are, where something else is told: a version that does not know of these events, running
 * beside this one while a deployment is brought up, changes members without one. Asked again by the statements that write, so
 * what is decided meanwhile is not told twice.
 */
export function tellAsTheyAre(memberIds: readonly string[], now: number): readonly Statement[] {
  const these = `FROM member AS m WHERE m.id IN (SELECT value FROM json_each(?)) AND ${TOLD_OTHERWISE}`;
  return [
    overList(DUE(`(SELECT m.entity_id AS value, m.authority_id AS authority ${these})`, 'e.authority'), memberIds, (lot) => [now, now, now, lot]),
    overList(
      // Whoever wrote the member may have another clock: the track goes forward in time all the same.
      `INSERT INTO registration_event (authority_id, entity_id, at, event) SELECT m.authority_id, m.entity_id,
       max(m.updated_at, coalesce((SELECT max(told.at) FROM registration_event AS told WHERE told.authority_id = m.authority_id AND told.entity_id = m.entity_id), 0)),
       CASE m.state WHEN 'active' THEN 'registration' WHEN 'suspended' THEN 'suspension' ELSE 'revocation' END ${these}`,
      memberIds,
      (lot) => [lot],
    ),
  ];
}

/** The policy in the statements about these active members is about to be another one: keep and tell that, by predicate. */
export function policyToldTo(authorityId: string, members: string, params: readonly unknown[], now: number): readonly Statement[] {
  const which = `FROM member WHERE ${members} AND state || '' = 'active'`;
  return [
    raw(
      `INSERT INTO registration_event (authority_id, entity_id, at, event, description) SELECT authority_id, entity_id, ${NUMBER}, 'metadata_policy_update', CAST(NULL AS TEXT) ${which}`,
      now,
      ...params,
    ),
    raw(DUE(`(SELECT entity_id AS value ${which})`), now, now, now, ...params, authorityId),
  ];
}

/** An authority begins to tell: of everybody that ever was its subordinate. */
export const tellAll = (authorityId: string, now: number): Statement =>
  raw(DUE('(SELECT DISTINCT entity_id AS value FROM registration_event WHERE authority_id = ?)'), now, now, now, authorityId, authorityId);

/** An authority tells no more. */
export const tellNothing = (db: Database, authorityId: string): Statement =>
  db.delete(artefact).where(and(eq(artefact.authorityId, authorityId), eq(artefact.kind, 'events')));

/** The policy is another one: what is told lacks that, and stays true. */
export const policyTold = (db: Database, authorityId: string, now: number): Statement =>
  db
    .update(artefact)
    .set({ renewAt: now, leaseUntil: 0 })
    .where(and(eq(artefact.authorityId, authorityId), eq(artefact.kind, 'events')));

const DECIDES: readonly RegistrationEvent['event'][] = ['registration', 'suspension', 'revocation'];

/**
 * What became of one subordinate, in order: the newest if there is much, and in front of them what last decided whether it is in
 * force, since without that nobody knows what changed in whose statement.
 */
export async function registrationEventsOf(db: Database, authorityId: string, entityId: string): Promise<readonly RegistrationEvent[]> {
  const rows = await db
    .select()
    .from(registrationEvent)
    .where(and(eq(registrationEvent.authorityId, authorityId), eq(registrationEvent.entityId, entityId)))
    .orderBy(desc(registrationEvent.id))
    .limit(MOST_TOLD);
  const oldest = rows.at(-1);
  const before =
    rows.length < MOST_TOLD || oldest === undefined || DECIDES.includes(oldest.event)
      ? []
      : await db
          .select()
          .from(registrationEvent)
          .where(
            and(
              eq(registrationEvent.authorityId, authorityId),
              eq(registrationEvent.entityId, entityId),
              lt(registrationEvent.id, oldest.id),
              inArray(registrationEvent.event, DECIDES),
            ),
          )
          .orderBy(desc(registrationEvent.id))
          .limit(1);
  return [...rows, ...before]
    .toReversed()
    .map(({ at, event: what, description }) => ({ iat: at, event: what, ...(description !== null && { event_description: description }) }));
}

/** What decided last before a time whether one was in force. */
export async function decidedLast(db: Database, authorityId: string, entityId: string, time: number): Promise<RegistrationEvent['event'] | undefined> {
  const [row] = await db
    .select({ event: registrationEvent.event })
    .from(registrationEvent)
    .where(
      and(
        eq(registrationEvent.authorityId, authorityId),
        eq(registrationEvent.entityId, entityId),
        lte(registrationEvent.at, time),
        inArray(registrationEvent.event, DECIDES),
      ),
    )
    .orderBy(desc(registrationEvent.id))
    .limit(1);
  return row?.event;
}

/** When an authority published a policy: the newest times. */
export async function policyChangesOf(db: Database, authorityId: string): Promise<readonly number[]> {
  const rows = await db
    .select({ at: event.at })
    .from(event)
    .where(and(eq(event.authorityId, authorityId), eq(event.type, 'policy.published')))
    .orderBy(desc(event.seq))
    .limit(MOST_TOLD);
  return rows.map(({ at }) => at).toReversed();
}
