import { and, asc, count, eq, gt, inArray, isNotNull, isNull, or, type SQL, sql } from 'drizzle-orm';
import { cellText, holdsText, listHasAny } from './conditions.js';
import { type Database, raw, type Statement } from './database.js';
import { renewable } from './due-artefacts.js';
import { overList } from './lots.js';
import { policyToldTo } from './registration-events.js';
import { artefact, entitlementBundle, member, type MemberState } from './schema.js';
import { saidBytes, saidValues } from './statement-sizes.js';

export type BundleRow = typeof entitlementBundle.$inferSelect;

/** Bundles of an authority, by name. */
export async function bundlesOf(db: Database, authorityId: string): Promise<ReadonlyMap<string, BundleRow>> {
  const rows = await db.select().from(entitlementBundle).where(eq(entitlementBundle.authorityId, authorityId)).orderBy(asc(entitlementBundle.name));
  return new Map(rows.map((row) => [row.name, row]));
}

/** Names hold no quotation mark, so the text of the cell says it: one that is damaged holds up nobody. */
export const namedInCell = (name: string): string => `"${name}"`;

/** Has a member this bundle? */
export const hasBundle = (name: string): SQL => and(listHasAny(member.bundles), holdsText(member.bundles, namedInCell(name))) as SQL;

/** Is a member limited by entitlements, its own or those of a bundle? By the index of those. */
export const isEntitled = (): SQL => sql`(bundles <> '[]' OR entitlements IS NOT NULL)`;

/** Members that have ended are given nothing, whatever their row says. */
const LIVE: readonly MemberState[] = ['applied', 'vetting', 'approved', 'active', 'suspended'];

export interface Holders {
  readonly all: number;
  readonly active: number;
}

/** How many members that have not ended have a bundle. */
export async function holdersOf(db: Database, authorityId: string, name: string): Promise<Holders> {
  const rows = await db
    .select({ state: member.state, n: count() })
    .from(member)
    .where(and(eq(member.authorityId, authorityId), isEntitled(), hasBundle(name), inArray(member.state, [...LIVE])))
    .groupBy(member.state);
  return { all: rows.reduce((sum, { n }) => sum + n, 0), active: rows.find(({ state }) => state === 'active')?.n ?? 0 };
}

/** What entitles a member, as its cells have it: one that cannot be read is for whoever reads it. */
export interface EntitledCells {
  readonly entityId: string;
  readonly intermediate: boolean;
  readonly entitlements: string | null;
  readonly bundles: string;
  /** What its row brings into the statement about it, entitlements aside: bytes, and values at most. */
  readonly saidBytes: number;
  readonly saidValues: number;
}

/** Members limited by entitlements that have not ended, by identifier. @param bundle only those that have it */
export const entitledAfter = (db: Database, authorityId: string, cursor: string, limit: number, bundle?: string): PromiseLike<readonly EntitledCells[]> =>
  db
    .select({
      entityId: member.entityId,
      intermediate: member.intermediate,
      entitlements: cellText(member.entitlements),
      bundles: cellText(member.bundles),
      saidBytes: saidBytes(),
      saidValues: saidValues(),
    })
    .from(member)
    .where(
      and(
        eq(member.authorityId, authorityId),
        isEntitled(),
        gt(member.entityId, cursor),
        inArray(member.state, [...LIVE]),
        bundle === undefined ? undefined : hasBundle(bundle),
      ),
    )
    .orderBy(asc(member.entityId))
    .limit(limit);

/** The statements about active members that have a bundle. */
export const statementsWith = (db: Database, authorityId: string, bundle: string): SQL =>
  and(
    eq(artefact.kind, 'statement'),
    isNotNull(artefact.memberId),
    inArray(
      artefact.memberId,
      db
        .select({ id: member.id })
        .from(member)
        .where(and(eq(member.authorityId, authorityId), isEntitled(), hasBundle(bundle))),
    ),
  ) as SQL;

/** Members of an authority that have a bundle. */
export const HAVING_BUNDLE = `authority_id = ? AND (bundles <> '[]' OR entitlements IS NOT NULL) AND bundles <> '[]' AND instr(bundles, ?) > 0`;

/**
 * A bundle says something else: so does every member that has it, by predicate, for as many as there are. Their versions rise,
 * their statements are due at once, and what is told of them says so.
 * @param withhold what they state says too much: it is not served until it is signed anew
 */
export function bundleChanged(db: Database, authorityId: string, name: string, withhold: boolean, now: number): readonly Statement[] {
  return [
    raw(
      `UPDATE member SET entitlement_version = entitlement_version + 1, cut = cut + 1, updated_at = ?, v = v + 1 WHERE ${HAVING_BUNDLE}`,
      now,
      authorityId,
      namedInCell(name),
    ),
    db
      .update(artefact)
      .set({ renewAt: now, leaseUntil: 0, ...(withhold && { withheld: 'entitled_to_less' as const }) })
      .where(and(eq(artefact.authorityId, authorityId), renewable(now), statementsWith(db, authorityId, name))),
    ...policyToldTo(authorityId, HAVING_BUNDLE, [authorityId, namedInCell(name)], now),
  ];
}

/** A member is entitled to less, and its statement could not be signed with that: what says too much is not served. */
export const entitledToLess = (db: Database, authorityId: string, entityId: string, now: number): Statement =>
  db
    .update(artefact)
    .set({ renewAt: now, leaseUntil: 0, withheld: 'entitled_to_less' })
    .where(and(eq(artefact.authorityId, authorityId), eq(artefact.kind, 'statement'), eq(artefact.key, entityId)));

/** Served statements about active members limited by entitlements, and what entitles these, by identifier, as long as they are not due. */
export const entitledStatementsAfter = (db: Database, authorityId: string, cursor: string, limit: number, now: number) =>
  db
    .select({
      entityId: member.entityId,
      intermediate: member.intermediate,
      entitlements: cellText(member.entitlements),
      bundles: cellText(member.bundles),
      bytes: artefact.bytes,
      sha256: artefact.sha256,
    })
    .from(member)
    .innerJoin(artefact, and(eq(artefact.authorityId, member.authorityId), eq(artefact.kind, 'statement'), eq(artefact.key, member.entityId)))
    // Not by the index of those in force: they are all members, and those of this one few.
    .where(and(eq(member.authorityId, authorityId), isEntitled(), gt(member.entityId, cursor), sql`${member.state} || '' = 'active'`, notDue(now)))
    .orderBy(asc(member.entityId))
    .limit(limit);

/** Neither withheld nor about to be signed anew. */
const notDue = (now: number): SQL => and(isNull(artefact.withheld), or(isNull(artefact.renewAt), gt(artefact.renewAt, now)), renewable(now)) as SQL;

/** These statements say too much: they are not served until they are signed anew, unless they are about to be. By their hashes. */
export const withholdStatements = (authorityId: string, hashes: readonly string[], now: number): Statement =>
  overList(
    `UPDATE artefact SET withheld = 'entitled_to_less', renew_at = ?, lease_until = 0
     WHERE authority_id = ? AND kind = 'statement' AND withheld IS NULL AND (renew_at IS NULL OR renew_at > ?) AND sha256 IN (SELECT value FROM json_each(?))`,
    hashes,
    (lot) => [now, authorityId, now, lot],
  );
