import { and, asc, eq, gt, inArray, isNull, ne, notInArray, or, type SQL, sql } from 'drizzle-orm';
import { type Namespace, namespacePlace } from '../federation/entry.js';
import { spellingOf } from '../federation/place.js';
import { insertRows } from './bulk.js';
import { cellText } from './conditions.js';
import type { Database, Statement } from './database.js';
import { onlyWhile } from './only-while.js';
import { inLot, overList, readByList } from './lots.js';
import { ENDED_STATES, type HeldIssuer, member, vouchedIssuer } from './schema.js';
import { number } from './words.js';

type Holder = Pick<typeof member.$inferSelect, 'id' | 'authorityId' | 'vouchedIssuers'>;

interface Held {
  readonly kind: string;
  readonly issuer: string;
  readonly type: Namespace['type'];
  readonly place: string;
  readonly deep: boolean;
}

/** Where all of it lies that the issuers of somebody may speak for. */
const heldBy = (issuers: readonly HeldIssuer[]): readonly (Held & { readonly issuerId: string; readonly n: number })[] =>
  issuers.flatMap(({ id: issuerId, kind, issuer, namespaces }) =>
    namespaces.map((one, n) => ({ issuerId, n, kind, issuer, type: one.type, ...(namespacePlace(one) ?? { place: one.value, deep: false }) })),
  );

/** In the place of what was kept of these members: what the issuers of those that go on may speak for. */
export function keepVouched(memberIds: readonly string[], members: readonly Holder[]): readonly Statement[] {
  const rows = members.flatMap(({ id: memberId, authorityId, vouchedIssuers }) => heldBy(vouchedIssuers).map((one) => ({ ...one, memberId, authorityId })));
  if (memberIds.length === 0) return [];
  return [
    overList('DELETE FROM vouched_issuer WHERE member_id IN (SELECT value FROM json_each(?))', memberIds),
    ...(rows.length ? [insertRows(vouchedIssuer, rows)] : []),
  ];
}

/** What is on record of members, and what should be by their rows; each as a text, in no order. */
export const vouchedOnRecord = async (db: Database, memberIds: readonly string[]): Promise<readonly { readonly memberId: string; readonly text: string }[]> =>
  (await readByList(memberIds, (lot) => db.select().from(vouchedIssuer).where(inLot(vouchedIssuer.memberId, lot)))).map((row) => ({
    memberId: row.memberId,
    text: textOf(row),
  }));
export const vouchedTexts = (issuers: readonly HeldIssuer[]): readonly string[] => heldBy(issuers).map(textOf);
const textOf = ({ issuerId, n, kind, issuer, type, place, deep }: Omit<typeof vouchedIssuer.$inferSelect, 'memberId' | 'authorityId'>): string =>
  JSON.stringify([issuerId, n, kind, issuer, type, place, deep]);

/** Members that have issuers, by their row or on record. */
export const vouchingAfter = (db: Database, authorityId: string, after: string, limit: number) =>
  db
    .select({ id: member.id, entityId: member.entityId, state: member.state, issuers: cellText(member.vouchedIssuers) })
    .from(member)
    .where(
      and(
        eq(member.authorityId, authorityId),
        gt(member.id, after),
        or(ne(cellText(member.vouchedIssuers), '[]'), inArray(member.id, db.select({ id: vouchedIssuer.memberId }).from(vouchedIssuer))),
      ),
    )
    .orderBy(asc(member.id))
    .limit(limit);

/** Rows whose member is gone, or under another authority. */
export const vouchedOfNobody = (db: Database, authorityId: string, most: number) =>
  db
    .selectDistinct({ memberId: vouchedIssuer.memberId })
    .from(vouchedIssuer)
    .leftJoin(member, and(eq(member.id, vouchedIssuer.memberId), eq(member.authorityId, vouchedIssuer.authorityId)))
    .where(and(eq(vouchedIssuer.authorityId, authorityId), isNull(member.id)))
    .limit(most);

/** One of the list is held by somebody else: the same name within both, or the same issuer. Parameters: the list, authority, member. */
const TAKEN = `FROM json_each(?) AS w, vouched_issuer AS o WHERE o.authority_id = ? AND o.member_id <> ?
  AND ((o.kind = json_extract(w.value, '$.kind') AND o.type = json_extract(w.value, '$.type')
      AND (o.place = json_extract(w.value, '$.place')
        OR (o.deep = 1 AND substr(json_extract(w.value, '$.place'), 1, length(o.place)) = o.place)
        OR (${number('w.value', '$.deep')} = 1 AND substr(o.place, 1, length(json_extract(w.value, '$.place'))) = json_extract(w.value, '$.place'))))
    OR o.issuer = json_extract(w.value, '$.issuer') OR o.issuer = json_extract(w.value, '$.twin'))`;

const takenFrom = (...params: readonly string[]): SQL =>
  sql.join(TAKEN.split('?').flatMap((text, n) => (n === 0 ? [sql.raw(text)] : [sql`${params[n - 1]}`, sql.raw(text)])));

const wanted = (issuers: readonly HeldIssuer[]): string =>
  JSON.stringify(heldBy(issuers).map(({ kind, issuer, type, place, deep }) => ({ kind, issuer, twin: twinOf(issuer), type, place, deep: deep ? 1 : 0 })));
/** The same issuer to people, with a slash at the end or without. */
const twinOf = (issuer: string): string => (issuer.endsWith('/') ? issuer.slice(0, -1) : `${issuer}/`);

export interface Taken {
  readonly memberId: string;
  readonly issuerId: string;
  readonly issuer: string;
}

/** Who else at this authority may speak for any of it already, or has one of the issuers. */
export const takenBy = (db: Database, { id, authorityId, vouchedIssuers }: Holder): PromiseLike<readonly Taken[]> =>
  db.all<Taken>(sql`SELECT DISTINCT o.member_id AS "memberId", o.issuer_id AS "issuerId", o.issuer AS issuer
    ${takenFrom(wanted(vouchedIssuers), authorityId, id)} ORDER BY "issuerId" LIMIT 20`);

/** Members of others whose identifier one of the issuers is, however it is spelled. The same organization may stand for its own. */
export const namedAsIssuer = (db: Database, { id, authorityId, organizationId, entityId, vouchedIssuers }: Named): PromiseLike<readonly Taken[]> => {
  const named = vouchedIssuers.filter(({ issuer }) => issuer !== entityId);
  return readByList(
    named.map(({ issuer }) => spellingOf(issuer)),
    (lot) =>
      db
        .select({ memberId: member.id, issuer: member.entityId, issuerId: member.id })
        .from(member)
        .where(
          and(
            inLot(member.spelling, lot),
            eq(member.authorityId, authorityId),
            ne(member.id, id),
            notInArray(member.state, [...ENDED_STATES]),
            organizationId === null ? undefined : or(isNull(member.organizationId), ne(member.organizationId, organizationId)),
          ),
        ),
  );
};
type Named = Holder & Pick<typeof member.$inferSelect, 'entityId' | 'organizationId'>;

/** Nobody else may speak for any of it. */
export const whileNamespacesFree = ({ id, authorityId, vouchedIssuers }: Holder): Statement =>
  onlyWhile(authorityId, `NOT EXISTS (SELECT 1 ${TAKEN})`, wanted(vouchedIssuers), authorityId, id);

/** Whose issuer it is. */
export async function memberOfIssuer(db: Database, authorityId: string, issuerId: string): Promise<string | undefined> {
  const [row] = await db
    .select({ memberId: vouchedIssuer.memberId })
    .from(vouchedIssuer)
    .where(and(eq(vouchedIssuer.authorityId, authorityId), eq(vouchedIssuer.issuerId, issuerId)))
    .limit(1);
  return row?.memberId;
}

/** Issuers of members that have not ended, with the members. */
export const issuersAfter = (db: Database, authorityId: string, cursor: string, limit: number, kind?: string) =>
  db
    .select({ issuerId: vouchedIssuer.issuerId, member })
    .from(vouchedIssuer)
    .innerJoin(member, eq(member.id, vouchedIssuer.memberId))
    .where(
      and(
        eq(vouchedIssuer.authorityId, authorityId),
        eq(vouchedIssuer.n, 0),
        gt(vouchedIssuer.issuerId, cursor),
        kind === undefined ? undefined : eq(vouchedIssuer.kind, kind),
      ),
    )
    .orderBy(asc(vouchedIssuer.issuerId))
    .limit(limit);
