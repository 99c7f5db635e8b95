import { type AnyColumn, and, count, eq, gt, isNotNull, isNull, lte, ne, or, type SQL, sql } from 'drizzle-orm';
import { insertRows } from './bulk.js';
import { type Database, raw, type Statement } from './database.js';
import { inLot, overList, readByList } from './lots.js';
import { passPlaces } from './mark-places.js';
import { setAccreditedEnds } from './member-ends.js';
import { accreditation, evidence, member, trustMark, trustMarkGrant } from './schema.js';
import { number } from './words.js';

/** Accreditations, and what hangs on them. */
export type AccreditationRow = typeof accreditation.$inferSelect;
export type EvidenceRow = typeof evidence.$inferSelect;

/** Whom an accreditation may be about: members, alone or with their organizations. */
export interface Accredited {
  readonly id: string;
  readonly organizationId: string | null;
}

const ofThese = async (db: Database, authorityId: string, members: readonly Accredited[], which: SQL | undefined): Promise<readonly AccreditationRow[]> => {
  const organizations = members.flatMap(({ organizationId }) => organizationId ?? []);
  const here = and(eq(accreditation.authorityId, authorityId), which);
  return [
    ...(await readByList(
      members.map(({ id }) => id),
      (lot) =>
        db
          .select()
          .from(accreditation)
          .where(and(here, inLot(accreditation.memberId, lot))),
    )),
    ...(await readByList(organizations, (lot) =>
      db
        .select()
        .from(accreditation)
        .where(and(here, inLot(accreditation.organizationId, lot))),
    )),
  ];
};

/** Those in force by their state, whatever their ends, of these members and their organizations. */
export const inForceOf = (db: Database, authorityId: string, members: readonly Accredited[]): Promise<readonly AccreditationRow[]> =>
  ofThese(db, authorityId, members, eq(accreditation.state, 'in_force'));

/** Those that were not withdrawn, of one member and its organization: what is decided with it. */
export const standingFor = (db: Database, authorityId: string, of: Accredited): Promise<readonly AccreditationRow[]> =>
  ofThese(db, authorityId, [of], ne(accreditation.state, 'withdrawn'));

export const putAccreditation = (row: AccreditationRow): Statement => insertRows(accreditation, [row]);

/** All that one renews, and that renew it. */
export const lineageOf = (db: Database, authorityId: string, lineage: string): Promise<readonly AccreditationRow[]> =>
  db
    .select()
    .from(accreditation)
    .where(and(eq(accreditation.authorityId, authorityId), eq(accreditation.lineage, lineage)));

export const setAccreditation = (db: Database, id: string, set: Partial<AccreditationRow>): Statement =>
  db.update(accreditation).set(set).where(eq(accreditation.id, id));

/** The evidence for some subjects, as it was handed in. */
export const evidenceFor = (db: Database, authorityId: string, subjectIds: readonly string[]): Promise<readonly EvidenceRow[]> =>
  readByList(subjectIds, (lot) =>
    db
      .select()
      .from(evidence)
      .where(and(eq(evidence.authorityId, authorityId), inLot(evidence.subjectId, lot))),
  );

/** Active members whom an accreditation is about: one, or all of an organization. */
export const activeAccredited = (
  db: Database,
  authorityId: string,
  { memberId, organizationId }: Pick<AccreditationRow, 'memberId' | 'organizationId'>,
): Promise<readonly (typeof member.$inferSelect)[]> =>
  db
    .select()
    .from(member)
    .where(
      and(
        eq(member.authorityId, authorityId),
        eq(member.state, 'active'),
        memberId === null ? eq(member.organizationId, organizationId ?? '') : eq(member.id, memberId),
      ),
    );

/** Active members of an authority, by id. */
export const activeAfter = (db: Database, authorityId: string, after: string, most: number): Promise<readonly (typeof member.$inferSelect)[]> =>
  db
    .select()
    .from(member)
    .where(and(eq(member.authorityId, authorityId), eq(member.state, 'active'), gt(member.id, after)))
    .orderBy(member.id)
    .limit(most);

/** Active members whose accreditations, or whose attestation, have ended. By index: those without such an end are not looked at. */
export const lapsed = (db: Database, now: number, most: number): Promise<readonly (typeof member.$inferSelect)[]> =>
  db
    .select()
    .from(member)
    .where(and(eq(member.state, 'active'), or(lte(member.accreditedUntil, now), lte(member.reattestBy, now))))
    .limit(most);

/** Grants in force that hang on one of these. */
export const grantsOn = (db: Database, accreditationIds: readonly string[]): Promise<readonly (typeof trustMarkGrant.$inferSelect)[]> =>
  readByList(accreditationIds, (lot) =>
    db
      .select()
      .from(trustMarkGrant)
      .where(and(isNotNull(trustMarkGrant.accreditationId), inLot(trustMarkGrant.accreditationId, lot), eq(trustMarkGrant.state, 'active'))),
  );

export interface NewEnd {
  readonly memberId: string;
  /** Of its accreditations. */
  readonly accreditedUntil: number | null;
  /** Of all that bounds it. */
  readonly end: number | null;
}

const OF = 'json_each(?) AS new';
const ID = `json_extract(new.value, '$.memberId')`;
const END = number('new.value', '$.end');

/**
 * The accreditations of active members end at another time: their rows say so, and so do the places of what is signed about
 * them. What was signed for longer is withheld until it is signed anew. Marks are seen to apart (move-end.ts).
 */
export const moveAccreditedEnds = (ends: readonly NewEnd[], now: number): readonly Statement[] => [
  setAccreditedEnds(ends),
  overList(
    `UPDATE artefact SET cap = ${END}, renew_at = CAST(? AS NUMERIC), lease_until = 0, withheld = CASE WHEN exp > ${END} THEN 'end_moved' ELSE withheld END
     FROM ${OF} WHERE artefact.member_id = ${ID} AND artefact.kind = 'statement'`,
    ends,
    (lot) => [now, lot],
  ),
  overList(`UPDATE artefact SET cap = min(exp, coalesce(${END}, exp)) FROM ${OF} WHERE artefact.member_id = ${ID} AND artefact.kind = 'hosted'`, ends),
];

/** At so many days before its end it is to be told, and was not. */
const untold = (end: AnyColumn, told: AnyColumn, days: readonly number[], now: number): SQL | undefined =>
  and(gt(end, now), or(...days.map((one) => and(lte(end, now + one * 86_400), or(isNull(told), gt(told, one))))));

/** Accreditations in force of whose end is to be told, by index. @param authorityId undefined: of all */
export const endingUntold = (db: Database, now: number, days: readonly number[], most: number, authorityId?: string): Promise<readonly AccreditationRow[]> =>
  db
    .select()
    .from(accreditation)
    .where(
      and(
        // As the condition of `accreditation_end` says it.
        sql`${accreditation.state} = 'in_force'`,
        isNotNull(accreditation.validUntil),
        untold(accreditation.validUntil, accreditation.toldDays, days, now),
        authorityId === undefined ? undefined : eq(accreditation.authorityId, authorityId),
      ),
    )
    .limit(most);

/** The same of members that somebody has to attest anew. */
export const reattestUntold = (db: Database, now: number, days: readonly number[], most: number, authorityId?: string) =>
  db
    .select({ id: member.id, authorityId: member.authorityId, entityId: member.entityId, reattestBy: member.reattestBy, reattestTold: member.reattestTold })
    .from(member)
    .where(
      and(
        eq(member.state, 'active'),
        isNotNull(member.reattestBy),
        untold(member.reattestBy, member.reattestTold, days, now),
        authorityId === undefined ? undefined : eq(member.authorityId, authorityId),
      ),
    )
    .limit(most);

/** Grants `g` in force that hang on one of these: by predicate, however many there are. One parameter: their ids as JSON. */
const HANGING = "g.accreditation_id IS NOT NULL AND g.accreditation_id IN (SELECT value FROM json_each(?)) AND g.state = 'active'";

/** Marks that were issued from grants in force that hang on one of these. */
export const ofGrantsOn = (accreditationIds: readonly string[]): SQL =>
  sql`${trustMark.grantId} IN (SELECT g.id FROM trust_mark_grant AS g WHERE g.accreditation_id IS NOT NULL AND g.accreditation_id IN (SELECT value FROM json_each(${JSON.stringify(accreditationIds)})) AND g.state = 'active')`;

/**
 * Grants are withdrawn with what they hang on, at one authority: they give their places up, whatever lies there, and others in
 * force have them.
 */
export const revokeGrantsOn = (authorityId: string, accreditationIds: readonly string[], reason: string, now: number): readonly Statement[] => {
  const named = JSON.stringify(accreditationIds);
  return [
    raw(
      `DELETE FROM artefact WHERE id IN (SELECT a.id FROM trust_mark_grant AS g CROSS JOIN artefact AS a WHERE ${HANGING} AND g.authority_id = ?
         AND a.authority_id = g.authority_id AND a.kind = 'mark' AND a.key = g.trust_mark_type || '\n' || g.entity_id AND a.variant = '' AND a.member_id || '' = g.member_id)`,
      named,
      authorityId,
    ),
    raw(
      `UPDATE trust_mark_grant SET state = 'revoked', reason = ?, updated_at = CAST(? AS NUMERIC), v = v + 1
       WHERE id IN (SELECT g.id FROM trust_mark_grant AS g WHERE ${HANGING} AND g.authority_id = ?)`,
      reason,
      now,
      named,
      authorityId,
    ),
    passPlaces({ authorityId, accreditationIds }, now),
  ];
};

/** Grants hang on what renews it, and end with that where they ended with the one before. */
export const passGrants = (from: AccreditationRow, to: AccreditationRow, now: number): Statement =>
  raw(
    `UPDATE trust_mark_grant SET accreditation_id = ?, valid_until = CASE WHEN valid_until IS NOT DISTINCT FROM CAST(? AS NUMERIC) THEN CAST(? AS NUMERIC) ELSE valid_until END,
       updated_at = CAST(? AS NUMERIC), v = v + 1 WHERE accreditation_id = ? AND state = 'active'`,
    to.id,
    from.validUntil,
    to.validUntil,
    now,
    from.id,
  );

/** Those of these members that have a grant in force, at whatever authority. */
export const grantedAmong = async (db: Database, memberIds: readonly string[]): Promise<ReadonlySet<string>> =>
  new Set(
    (
      await readByList(memberIds, (lot) =>
        db
          .select({ id: trustMarkGrant.memberId })
          .from(trustMarkGrant)
          .where(and(inLot(trustMarkGrant.memberId, lot), eq(trustMarkGrant.state, 'active'))),
      )
    ).map(({ id }) => id),
  );

/** How many of one member or organization were not withdrawn. */
export async function countAbout(
  db: Database,
  authorityId: string,
  { memberId, organizationId }: Pick<AccreditationRow, 'memberId' | 'organizationId'>,
): Promise<number> {
  const [row] = await db
    .select({ n: count() })
    .from(accreditation)
    .where(
      and(
        eq(accreditation.authorityId, authorityId),
        ne(accreditation.state, 'withdrawn'),
        memberId === null ? eq(accreditation.organizationId, organizationId ?? '') : eq(accreditation.memberId, memberId),
      ),
    );
  return row?.n ?? 0;
}

/** Members by their ids, whole. */
export const findMembers = (db: Database, ids: readonly string[]): Promise<readonly (typeof member.$inferSelect)[]> =>
  readByList(ids, (lot) => db.select().from(member).where(inLot(member.id, lot)));
