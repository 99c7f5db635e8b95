import { and, desc, eq } from 'drizzle-orm';
import { mediaTypes, type RegistrationEvent } from '../federation/entry.js';
import { insertRows } from './bulk.js';
import { type Database, raw, type Statement } from './database.js';
import { overList } from './lots.js';
import { artefact, event, registrationEvent } from './schema.js';
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
) => `INSERT INTO artefact (authority_id, kind, key, variant, media_type, bytes, sha256, iat, exp, kid, generation, cut, renew_at, lease_until, withheld)
  SELECT a.id, 'events', e.value, '', '${mediaTypes.ENTITY_EVENTS_STATEMENT}', '', '', ${NUMBER}, ${NUMBER}, '', a.generation, 0, ${NUMBER}, 0, 'not_issued'
  FROM ${from} AS e JOIN authority AS a ON a.id = ? AND a.subordinate_events = 1 WHERE true
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

/** What became of one subordinate, the newest if there is much, in order. */
export async function registrationEventsOf(db: Database, authorityId: string, entityId: string): Promise<readonly RegistrationEvent[]> {
  const rows = await db
    .select()
    .from(registrationEvent)
    .where(and(eq(registrationEvent.authorityId, authorityId), eq(registrationEvent.entityId, entityId)))
    .orderBy(desc(registrationEvent.id))
    .limit(MOST_TOLD);
  return rows
    .toReversed()
    .map(({ at, event: what, description }) => ({ iat: at, event: what, ...(description !== null && { event_description: description }) }));
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
