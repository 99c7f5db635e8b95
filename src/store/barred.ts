import { and, asc, eq, gt, isNull, sql } from 'drizzle-orm';
import { insertWith } from './bulk.js';
import { type Database, raw, type Statement } from './database.js';
import { inLot, readByList } from './lots.js';
import { barredIdentifier, event } from './schema.js';

/** Identifiers that were revoked: the rows are never removed, a readmission ends one. */
export type BarredRow = typeof barredIdentifier.$inferSelect;

export interface Bar {
  readonly id: string;
  readonly authorityId: string;
  readonly entityId: string;
  readonly memberId: string;
  readonly reason: string | null;
  readonly at: number;
}

/** Bar an identifier, with the event of the same batch about that member: events go first. */
export const bar = ({ id, authorityId, entityId, memberId, reason, at }: Bar): Statement =>
  raw(
    `INSERT INTO barred_identifier (id, authority_id, entity_id, member_id, reason, event_seq, barred_at, readmitted_at)
     VALUES (?, ?, ?, ?, ?, (SELECT max(seq) FROM event WHERE authority_id = ? AND subject_id = ?), ?, NULL) ON CONFLICT DO NOTHING`,
    id,
    authorityId,
    entityId,
    memberId,
    reason,
    authorityId,
    memberId,
    at,
  );

/** The identifier is taken back. */
export const readmit = (db: Database, { authorityId, entityId }: { readonly authorityId: string; readonly entityId: string }, now: number): Statement =>
  db
    .update(barredIdentifier)
    .set({ readmittedAt: now })
    .where(and(eq(barredIdentifier.authorityId, authorityId), eq(barredIdentifier.entityId, entityId), isNull(barredIdentifier.readmittedAt)));

/** Which of these identifiers an authority bars. */
export const barredAmong = (db: Database, authorityId: string, entityIds: readonly string[]): Promise<readonly BarredRow[]> =>
  readByList(entityIds, (ids) =>
    db
      .select()
      .from(barredIdentifier)
      .where(and(eq(barredIdentifier.authorityId, authorityId), inLot(barredIdentifier.entityId, ids), isNull(barredIdentifier.readmittedAt))),
  );

/** Those an authority bars, in the order of their identifiers. */
export const barredPage = (db: Database, authorityId: string, after: string | undefined, limit: number): Promise<BarredRow[]> =>
  db
    .select()
    .from(barredIdentifier)
    .where(
      and(
        eq(barredIdentifier.authorityId, authorityId),
        isNull(barredIdentifier.readmittedAt),
        after === undefined ? undefined : gt(barredIdentifier.entityId, after),
      ),
    )
    .orderBy(asc(barredIdentifier.entityId))
    .limit(limit);

/** RFC 7638 thumbprints of keys that members ceased to have, by member, as the chain tells. */
export async function formerKeysOf(db: Database, authorityId: string, memberIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await readByList(memberIds, (ids) =>
    db
      .select({ memberId: event.subjectId, detail: event.detail })
      .from(event)
      .where(and(eq(event.authorityId, authorityId), inLot(event.subjectId, ids))),
  );
  const former = new Map<string, string[]>();
  for (const { memberId, detail } of rows)
    for (const one of [detail['removed_thumbprints'], detail['former_thumbprints']])
      if (Array.isArray(one)) former.set(memberId, [...(former.get(memberId) ?? []), ...one.filter((text) => typeof text === 'string')]);
  return former;
}

/** Of archived members those whose application had ended without a decision for them. */
export async function appliedInVain(db: Database, authorityId: string, memberIds: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await readByList(memberIds, (ids) =>
    db
      .select({ memberId: event.subjectId, detail: event.detail })
      .from(event)
      .where(and(eq(event.authorityId, authorityId), inLot(event.subjectId, ids), eq(event.type, 'member.archived')))
      .orderBy(asc(event.seq)),
  );
  const from = new Map(rows.map(({ memberId, detail }) => [memberId, detail['from']]));
  return new Set([...from].flatMap(([id, state]) => (state === 'refused' || state === 'withdrawn' ? [id] : [])));
}

type Unbarred = Omit<Bar, 'id'> & { readonly eventSeq: number | null };
/** The last revocation that the chain tells of, while no readmission came after it. */
const LAST_REVOKED = `(SELECT max(r.seq) FROM event AS r WHERE r.authority_id = m.authority_id AND r.subject_id = m.id AND r.type = 'member.revoked')`;

/**
 * Of these members those that are revoked, or were archived after they were, and whose identifiers nothing bars: a version that
 * knows no bars did that.
 */
export async function unbarredOf(db: Database, memberIds: readonly string[]): Promise<readonly Unbarred[]> {
  const rows = await readByList(memberIds, (lot) =>
    db.all<{ id: string; authority: string; entity: string; reason: string | null; seq: number | null; at: number }>(sql`
      SELECT m.id AS id, m.authority_id AS authority, m.entity_id AS entity, CASE WHEN m.state = 'revoked' THEN m.state_reason END AS reason,
        e.seq AS seq, coalesce(e.at, m.updated_at) AS at
      FROM member AS m LEFT JOIN event AS e ON e.authority_id = m.authority_id AND e.seq = ${sql.raw(LAST_REVOKED)}
      WHERE m.id IN (SELECT value FROM json_each(${lot})) AND (m.state = 'revoked' OR (m.state = 'archived' AND e.seq IS NOT NULL AND NOT EXISTS
        (SELECT 1 FROM event AS n WHERE n.authority_id = m.authority_id AND n.subject_id = m.id AND n.type = 'member.enrolled' AND n.seq > e.seq)))
      AND NOT EXISTS (SELECT 1 FROM barred_identifier AS b WHERE b.authority_id = m.authority_id AND b.entity_id = m.entity_id AND b.readmitted_at IS NULL)`),
  );
  return rows.map(({ id, authority, entity, reason, seq, at }) => ({
    memberId: id,
    authorityId: authority,
    entityId: entity,
    reason,
    eventSeq: seq === null ? null : Number(seq),
    at: Number(at),
  }));
}

/** Bar them, while they are not readmitted. */
export const barThem = (bars: readonly (Unbarred & Pick<Bar, 'id'>)[]): Statement =>
  insertWith(
    barredIdentifier,
    bars.map(({ at, ...one }) => ({ ...one, barredAt: at, readmittedAt: null })),
    'ON CONFLICT DO NOTHING',
    (column) => `EXISTS (SELECT 1 FROM member AS m WHERE m.id = ${column('member_id')} AND m.state IN ('revoked', 'archived'))`,
  );
