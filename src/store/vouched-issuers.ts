import { and, asc, eq, gt, type SQL, sql } from 'drizzle-orm';
import { type Namespace, namespacePlace } from '../federation/entry.js';
import { insertRows } from './bulk.js';
import type { Database, Statement } from './database.js';
import { onlyWhile } from './only-while.js';
import { overList } from './lots.js';
import { type HeldIssuer, member, vouchedIssuer } from './schema.js';
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

/** One of the list is held by somebody else: the same name within both, or the same issuer. Parameters: the list, authority, member. */
const TAKEN = `FROM json_each(?) AS w, vouched_issuer AS o WHERE o.authority_id = ? AND o.member_id <> ?
  AND ((o.kind = json_extract(w.value, '$.kind') AND o.type = json_extract(w.value, '$.type')
      AND (o.place = json_extract(w.value, '$.place')
        OR (o.deep = 1 AND substr(json_extract(w.value, '$.place'), 1, length(o.place)) = o.place)
        OR (${number('w.value', '$.deep')} = 1 AND substr(o.place, 1, length(json_extract(w.value, '$.place'))) = json_extract(w.value, '$.place'))))
    OR o.issuer = json_extract(w.value, '$.issuer'))`;

const takenFrom = (...params: readonly string[]): SQL =>
  sql.join(TAKEN.split('?').flatMap((text, n) => (n === 0 ? [sql.raw(text)] : [sql`${params[n - 1]}`, sql.raw(text)])));

const wanted = (issuers: readonly HeldIssuer[]): string =>
  JSON.stringify(heldBy(issuers).map(({ kind, issuer, type, place, deep }) => ({ kind, issuer, type, place, deep: deep ? 1 : 0 })));

export interface Taken {
  readonly memberId: string;
  readonly issuerId: string;
  readonly issuer: string;
}

/** Who else at this authority may speak for any of it already, or has one of the issuers. */
export const takenBy = (db: Database, { id, authorityId, vouchedIssuers }: Holder): PromiseLike<readonly Taken[]> =>
  db.all<Taken>(sql`SELECT DISTINCT o.member_id AS "memberId", o.issuer_id AS "issuerId", o.issuer AS issuer
    ${takenFrom(wanted(vouchedIssuers), authorityId, id)} ORDER BY "issuerId" LIMIT 20`);

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
