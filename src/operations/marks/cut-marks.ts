import { and, eq, gt, inArray, isNull, type SQL } from 'drizzle-orm';
import { putArtefacts, whileCurrent } from '../../store/bulk.js';
import { type EventsOf, HeadMoved, type Watch } from '../../store/change.js';
import type { Statement } from '../../store/database.js';
import { nextVersion } from '../../store/conditions.js';
import { inLot, readByList } from '../../store/lots.js';
import { passPlaces } from '../../store/mark-places.js';
import { atPlaceOfMark, carriesMark, statusesSigned } from '../../store/mark-rows.js';
import { only } from '../../store/only.js';
import { artefact, authority, knownEntity, trustMark, trustMarkGrant } from '../../store/schema.js';
import type { Deployment } from '../call.js';
import { type GrantRow, type MarkRow, signedStatus } from './issue-mark.js';
import { issuerOf } from '../artefacts/publish.js';
import { Refusal } from '../refusal.js';
import type { AuthorityRow, MemberRow } from '../registry.js';

/** `revoked` answers that are signed in the batch that withdraws; above this slices sign them and the endpoint says 503. */
export const SIGNED_AT_ONCE = 200;

/** Statements and events of other authorities that go into a member's own change. */
export interface WithMarks {
  readonly statements: readonly Statement[];
  readonly elsewhere: readonly EventsOf[];
}

/**
 * Withdraw marks at once, whole sets by predicate: the mark goes, its status turns to `revoked`. A withdrawn mark never
 * turns active again.
 * @param which condition on rows of `trust_mark`
 * @param byMember the condition is about many members: the rows are found through them, not through the authority
 */
export async function withdrawMarks(
  deployment: Deployment,
  issuing: AuthorityRow,
  which: SQL | undefined,
  reason: string,
  byMember = false,
): Promise<readonly Statement[]> {
  const { db } = deployment.store;
  const now = deployment.now();
  const where = and(
    byMember ? only(trustMark.authorityId, issuing.id) : eq(trustMark.authorityId, issuing.id),
    isNull(trustMark.revokedAt),
    gt(trustMark.exp, now),
    which,
  );
  const rows = await db
    .select()
    .from(trustMark)
    .where(where)
    .limit(SIGNED_AT_ONCE + 1);
  if (rows.length === 0) return [];
  const atOnce = rows.length <= SIGNED_AT_ONCE ? await answersIfPossible(deployment, issuing, rows, 'revoked') : undefined;
  const chosen = db.select({ sha256: trustMark.sha256 }).from(trustMark).where(where);
  const of = (place: SQL | undefined) =>
    inArray(
      artefact.id,
      db
        .select({ id: artefact.id })
        .from(trustMark)
        .crossJoin(artefact)
        .where(and(where, eq(artefact.authorityId, trustMark.authorityId), place)),
    );
  return [
    // Resolve answers that carry them are held back by their links, and evaluated anew without them.
    db.update(knownEntity).set({ dueAt: now, leaseUntil: 0 }).where(carriesMark(issuing.id, chosen)),
    // The mark itself and what said "active" or "expired" of it, while the rows still say which. Found by their places, mark
    // by mark: what a cut costs does not grow with how many others there are.
    db.delete(artefact).where(of(and(eq(artefact.kind, 'mark'), atPlaceOfMark(), eq(artefact.sha256, trustMark.sha256)))),
    db.delete(artefact).where(of(and(eq(artefact.kind, 'mark_status'), eq(artefact.key, trustMark.sha256)))),
    db
      .update(trustMark)
      .set({ revokedAt: now, reason, statusDue: atOnce ? 0 : 1 })
      .where(where),
    ...(atOnce ? [...putArtefacts(atOnce)] : []),
  ];
}

/** Signed answers of one kind about marks of one authority. */
async function answers(deployment: Deployment, issuing: AuthorityRow, rows: readonly MarkRow[], status: 'revoked' | 'expired') {
  const issuer = await issuerOf(deployment, issuing);
  return Promise.all(rows.map((row) => signedStatus(deployment, issuer, row, status)));
}

/** How long a cut waits for the signatures it can do without (milliseconds). */
const PATIENCE_MS = 1000;

/**
 * The same within a cut, which depends on no signature: undefined when key custody refuses, fails or does not answer. The
 * cut is committed all the same; the answers are due, and the endpoint says 503 until a slice has signed them.
 */
const answersIfPossible = (...asked: Parameters<typeof answers>): Promise<Awaited<ReturnType<typeof answers>> | undefined> => ifPossible(answers(...asked));

/** What a cut would have signed and does without: undefined when it cannot be signed, or not soon. */
export function ifPossible<T>(signing: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((done) => {
    timer = setTimeout(() => done(undefined), PATIENCE_MS);
  });
  return Promise.race([signing.catch(() => undefined), late]).finally(() => clearTimeout(timer));
}

const DUE = [
  [1, 'revoked'],
  [2, 'expired'],
] as const;

/**
 * Sign answers that a withdrawal or a moved end left due: `revoked` and, for later, `expired`. Terminal, so without event or lock.
 * @returns how many were signed; 0 when none is due, or nothing can be signed now
 */
export async function signDueStatuses(deployment: Deployment, limit = 500): Promise<number> {
  const { db } = deployment.store;
  const rows = await db
    .select({ mark: trustMark, issuing: authority })
    .from(trustMark)
    .innerJoin(authority, eq(authority.id, trustMark.authorityId))
    .where(and(gt(trustMark.statusDue, 0), eq(authority.state, 'active')))
    .limit(limit);
  if (rows.length === 0 || !(await deployment.turns.claim(deployment, 'renewal'))) return 0;
  let signed = 0;
  for (const issuing of new Map(rows.map((row) => [row.issuing.id, row.issuing])).values()) {
    const own = rows.filter((row) => row.issuing.id === issuing.id).map(({ mark }) => mark);
    for (const [due, status] of DUE) {
      const some = own.filter(({ statusDue }) => statusDue === due);
      if (some.length === 0) continue;
      const said = await answers(deployment, issuing, some, status).catch((error: unknown) => {
        if (error instanceof Refusal) return undefined;
        throw error;
      });
      if (!said) continue;
      await deployment.store.write([
        ...putArtefacts(said, whileCurrent),
        statusesSigned(
          due,
          some.map(({ jti }) => jti),
          issuing,
        ),
      ]);
      signed += some.length;
    }
  }
  return signed;
}

/**
 * The authorities that have marked one of these members, each watched.
 * @param active those that are; nothing is done at the others, so nothing is told in their chains
 */
export async function issuersOf(
  deployment: Deployment,
  memberIds: readonly string[],
  watch: Watch,
  { living = false }: { readonly living?: boolean } = {},
): Promise<readonly { readonly issuing: AuthorityRow; readonly grants: GrantRow[] }[]> {
  const { db } = deployment.store;
  const grants = await readByList(memberIds, (ids) =>
    db
      .select()
      .from(trustMarkGrant)
      .where(and(inLot(trustMarkGrant.memberId, ids), eq(trustMarkGrant.state, 'active'))),
  );
  const found: { issuing: AuthorityRow; grants: GrantRow[] }[] = [];
  for (const id of new Set(grants.map(({ authorityId }) => authorityId))) {
    const find = async () => (await db.select().from(authority).where(eq(authority.id, id)).limit(1))[0];
    // The chain of an authority that is not there, or where no mark can come from any more, is not written into.
    const before = await find();
    if (!before || (living && before.state === 'retired')) continue;
    await watch(id);
    const issuing = await find();
    if (living && issuing?.state === 'retired') throw new HeadMoved();
    if (issuing) found.push({ issuing, grants: grants.filter(({ authorityId }) => authorityId === id) });
  }
  return found;
}

/**
 * What the cut of members takes of their marks, at every authority that issued some: all of them, in the batch of the cut.
 * @param ends the membership is over: the grants end with it
 */
export async function cutMarksOf(
  deployment: Deployment,
  members: readonly MemberRow[],
  watch: Watch,
  { reason, ends }: { reason: string; ends: boolean },
): Promise<WithMarks> {
  const { db } = deployment.store;
  const ids = members.map(({ id }) => id);
  const [first] = ids;
  if (first === undefined) return { statements: [], elsewhere: [] };
  const of = (column: typeof artefact.memberId | typeof trustMark.memberId | typeof trustMarkGrant.memberId) =>
    ids.length === 1 ? eq(column, first) : inLot(column, JSON.stringify(ids));
  const statements: Statement[] = [];
  const elsewhere: EventsOf[] = [];
  for (const { issuing, grants } of await issuersOf(deployment, ids, watch)) {
    statements.push(
      ...(await withdrawMarks(deployment, issuing, of(trustMark.memberId), reason, ids.length > 1)),
      // One that is late for renewal has ended and is no longer among the above.
      db.delete(artefact).where(and(of(artefact.memberId), eq(artefact.kind, 'mark'), only(artefact.authorityId, issuing.id))),
    );
    if (ends)
      statements.push(
        db
          .update(trustMarkGrant)
          .set({ state: 'revoked', reason, updatedAt: deployment.now(), v: nextVersion() })
          .where(and(eq(trustMarkGrant.authorityId, issuing.id), of(trustMarkGrant.memberId), eq(trustMarkGrant.state, 'active'))),
      );
    const events = members
      .map((member) => ({ member, types: grants.filter(({ memberId }) => memberId === member.id).map(({ trustMarkType: type }) => type) }))
      .filter(({ member, types }) => issuing.id !== member.authorityId && types.length > 0)
      .map(({ member, types }) => ({
        type: ends ? 'trust_mark.revoked' : 'trust_mark.suspended',
        subjectKind: 'trust_mark' as const,
        subjectId: member.id,
        reason,
        reasonCode: ends ? ('member_revoked' as const) : ('member_suspended' as const),
        detail: { entity_id: member.entityId, types, with: 'the membership' },
      }));
    if (events.length) elsewhere.push({ authorityId: issuing.id, events });
  }
  return { statements: [...statements, ...(statements.length ? [passPlaces({ memberIds: ids }, deployment.now())] : [])], elsewhere };
}
