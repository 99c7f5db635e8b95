import { and, eq, isNotNull, isNull, lte, ne, type SQL } from 'drizzle-orm';
import { type NewArtefact, putArtefacts, type Read, renewArtefacts, whileLastEvent } from '../../store/bulk.js';
import { readHead } from '../../store/change.js';
import type { Statement } from '../../store/database.js';
import { countOverdue, countWithheld, leaseArtefacts, renewable, restWhileHalted } from '../../store/due-artefacts.js';
import { inLot } from '../../store/lots.js';
import { putRenewedMarks } from '../../store/mark-rows.js';
import { only } from '../../store/only.js';
import { artefact, authority, member, trustMarkGrant, trustMarkType } from '../../store/schema.js';
import type { Deployment } from '../call.js';
import { type GrantRow, type IssuedMark, issueMark, markKey, type MarkTypeRow, resignedStatus } from '../marks/issue-mark.js';
import { consequencesOf } from '../facts.js';
import { dropKeys } from '../keys/change-keys.js';
import { type AuthorityRow, authorityKeys } from '../registry.js';
import { signedEvents } from './signed-events.js';
import { signedLastKeys } from './last-keys.js';
import { type Issuer, issuerOf, signedConfiguration, signedHistoricalKeys, signedStatement } from './publish.js';
import { endOfMember } from '../members/member-end.js';
import { Refusal } from '../refusal.js';
import { resignedHead } from '../restore/signed-head.js';
import { resignedResponse } from '../resolving/sign-resolve.js';

/** Statements per slice: one UPDATE each; and how many are signed at once (one after another is three times slower). */
export const SLICE = 500;
const SIGN_AT_ONCE = 32;
const LEASE_SECONDS = 60;

type Due = typeof artefact.$inferSelect;

/** What is due and cannot be signed, and why. */
interface Unsigned {
  readonly kind: Due['kind'];
  /** Of a statement the member. */
  readonly key: string;
  readonly why: string;
}
/** Is told of each that cannot be signed, once for each reason that it has. */
export type TellUnsigned = (one: Unsigned) => void;

/** Why each could not be signed when it was tried last, by artefact, for this process; of so many. */
const refused = new WeakMap<object, Map<number, string>>();
const MOST_REFUSED = 10_000;

function rememberUnsigned(store: object, { id, kind, key }: Due, why: string | undefined, tell: TellUnsigned): void {
  const known = refused.get(store) ?? new Map<number, string>();
  refused.set(store, known);
  if (why === undefined) return void known.delete(id);
  if (known.get(id) === why) return;
  if (known.size >= MOST_REFUSED) known.clear();
  known.set(id, why);
  tell({ kind, key, why });
}

/** A refusal in one line. */
const inWords = ({ message, findings: [first] }: Refusal): string => (first ? `${message}: ${first.where} ${first.detail}` : message);

/**
 * Sign again what is due, in one slice: first what is withheld and so not served, then what has been due for longest, among
 * that the shortest life. Renewal changes no content: no event, no lock. Rows are
 * leased, so what cannot be signed now is left until its lease runs out.
 * @returns how many rows were taken; 0 means nothing is due, or another process is at it
 * @throws the first error of an authority that cannot sign, after the others had their turn
 */
export async function renewSlice(deployment: Deployment, limit = SLICE, tell: TellUnsigned = () => undefined): Promise<number> {
  const { db } = deployment.store;
  const now = deployment.now();
  const first = await dueOf(deployment, isNotNull(artefact.withheld), limit);
  const due = first.length < limit ? [...first, ...(await dueOf(deployment, isNull(artefact.withheld), limit - first.length))] : first;
  if (due.length === 0 || !(await deployment.turns.claim(deployment, 'renewal'))) return 0;
  const leaseUntil = now + LEASE_SECONDS;
  await deployment.store.write([leaseArtefacts(db, idsOf(due), leaseUntil)]);
  const errors: unknown[] = [];
  for (const [authorityId, rows] of byAuthority(due.map((row) => ({ ...row, leaseUntil }))))
    await renewFor(deployment, authorityId, rows, tell).catch((error: unknown) => errors.push(error));
  if (errors.length) throw errors[0];
  return due.length;
}

const idsOf = (rows: readonly Due[]): readonly number[] => rows.map(({ id }) => id);

/** What is due, withheld or not; each by an index in which it stands in this order. Status lists go apart (status/sign-lists.ts). */
const dueOf = ({ store: { db }, now }: Deployment, which: SQL, limit: number): Promise<Due[]> =>
  db
    .select()
    .from(artefact)
    .where(and(which, ne(artefact.kind, 'status_list'), lte(artefact.renewAt, now()), lte(artefact.leaseUntil, now()), renewable(now())))
    .orderBy(artefact.renewAt, artefact.exp)
    .limit(limit);

async function renewFor(deployment: Deployment, authorityId: string, rows: readonly Due[], tell: TellUnsigned): Promise<void> {
  const [row] = await deployment.store.db.select().from(authority).where(eq(authority.id, authorityId)).limit(1);
  const isLast = ({ kind }: Due) => row?.state === 'retired' && kind === 'historical_keys';
  if (row && rows.some(isLast)) await renewLastKeys(deployment, row);
  // What a retired authority still says is due until it was signed: a revocation may have come in between.
  const others = rows.filter((one) => !isLast(one));
  if (row?.state !== 'active') return deployment.store.write([restWhileHalted(idsOf(others))]);
  await renewThose(deployment, await issuerOf(deployment, row), rows, tell);
}

/** What a retired authority goes on serving, when a revocation could not sign it. */
async function renewLastKeys(deployment: Deployment, row: AuthorityRow): Promise<void> {
  const { store } = deployment;
  const { seq } = await readHead(store.db, row.id);
  const signed = await signedLastKeys(deployment, row, await authorityKeys(store.db, row.id));
  // Unless another key is revoked meanwhile: then that says what is served.
  await store.write(signed ? putArtefacts([signed], whileLastEvent(seq)) : [dropKeys(deployment, row.id)]);
}

/**
 * A row that cannot be read (a damaged cell of one member) must not hold up the others of its slice: it is closed in on by
 * halves, and its error is told after the others were renewed.
 */
async function renewThose(deployment: Deployment, issuer: Issuer, rows: readonly Due[], tell: TellUnsigned): Promise<void> {
  try {
    const { renewed, marks } = await signAll(deployment, issuer, rows, tell);
    const entityIds = saidAnew(rows, renewed);
    const facts = consequencesOf(issuer.authority.id, { fact: 'statement changed', entityIds }, deployment.now());
    if (renewed.length) await deployment.store.write([...renewArtefacts(renewed), ...renewedMarks(marks), ...facts]);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    const [only] = rows;
    if (rows.length === 1 && only) throw new Error(`${only.kind} ${only.key} cannot be renewed: its row in the database cannot be read`, { cause: error });
    const half = Math.ceil(rows.length / 2);
    const done = await Promise.allSettled([renewThose(deployment, issuer, rows.slice(0, half), tell), renewThose(deployment, issuer, rows.slice(half), tell)]);
    for (const one of done) if (one.status === 'rejected') throw one.reason;
  }
}

/** Statements that say something else than before: what rests on them waits for no other member's. */
function saidAnew(rows: readonly Due[], renewed: readonly { readonly id: number; readonly cut?: number | undefined }[]): readonly string[] {
  const fresh = new Map(renewed.map(({ id, cut }) => [id, cut]));
  return rows
    .filter(({ id, kind, cut, withheld }) => kind === 'statement' && fresh.has(id) && (withheld !== null || fresh.get(id) !== cut))
    .map(({ key }) => key);
}

/** A JSON column that holds no JSON, however deep the driver has wrapped the error. */
const isUnreadable = (error: unknown): boolean =>
  error instanceof SyntaxError || (error instanceof Error && error.cause !== undefined && isUnreadable(error.cause));

const renewedMarks = (marks: readonly IssuedMark[]): readonly Statement[] =>
  putRenewedMarks(
    marks.map(({ row }) => row),
    marks.flatMap(({ statuses }) => statuses),
  );

function byAuthority(rows: readonly Due[]): Map<string, Due[]> {
  const groups = new Map<string, Due[]>();
  for (const row of rows) {
    const group = groups.get(row.authorityId);
    if (group) group.push(row);
    else groups.set(row.authorityId, [row]);
  }
  return groups;
}

async function signAll(deployment: Deployment, issuer: Issuer, rows: readonly Due[], tell: TellUnsigned) {
  const { db } = deployment.store;
  const memberIds = JSON.stringify(rows.map(({ memberId }) => memberId).filter((id) => id !== null));
  const members = new Map(
    (
      await db
        .select()
        .from(member)
        // By their ids: SQLite would go through all of the authority for them.
        .where(and(only(member.authorityId, issuer.authority.id), inLot(member.id, memberIds)))
    ).map((row) => [row.id, row]),
  );
  const grants = await grantsOf(deployment, issuer, rows);
  const signed: (NewArtefact & { readonly id: number; readonly was: Read })[] = [];
  const marks: IssuedMark[] = [];
  const one = async (row: Due) => {
    // One member whose statement cannot be signed must not hold up the others; its lease runs out and it is tried again.
    const fresh = await sign(deployment, issuer, row, { members, grants, marks }).catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
      rememberUnsigned(deployment.store, row, inWords(error), tell);
      return undefined;
    });
    if (fresh) rememberUnsigned(deployment.store, row, undefined, tell);
    if (fresh)
      signed.push({
        ...fresh,
        id: row.id,
        was: { sha256: row.sha256, cap: row.cap, renewAt: row.renewAt, withheld: row.withheld, leaseUntil: row.leaseUntil },
      });
  };
  for (let at = 0; at < rows.length; at += SIGN_AT_ONCE) await Promise.all(rows.slice(at, at + SIGN_AT_ONCE).map(one));
  const renewed = signed.map(({ id, was, authorityId, kind, variant, bytes, sha256, iat, exp = null, cap = null, kid, generation, cut, renewAt }) => ({
    id,
    was,
    authorityId,
    kind,
    variant,
    bytes,
    sha256,
    iat,
    exp,
    cap,
    kid,
    generation,
    cut,
    renewAt,
  }));
  return { renewed, marks };
}

/** What marks are renewed from. */
interface Sources {
  readonly members: ReadonlyMap<string, typeof member.$inferSelect>;
  /** By whose mark lies where: an entity may be a member of several authorities. */
  readonly grants: ReadonlyMap<string, { readonly grant: GrantRow; readonly type: MarkTypeRow; readonly member: typeof member.$inferSelect }>;
  /** Collected on the way. */
  readonly marks: IssuedMark[];
}

const markedBy = (memberId: string | null, place: string): string => `${memberId}\n${place}`;

async function grantsOf({ store: { db } }: Deployment, issuer: Issuer, rows: readonly Due[]): Promise<Sources['grants']> {
  const marked = rows.filter(({ kind }) => kind === 'mark').map(({ memberId }) => memberId);
  if (marked.length === 0) return new Map();
  const found = await db
    .select({ grant: trustMarkGrant, type: trustMarkType, member })
    .from(trustMarkGrant)
    .innerJoin(trustMarkType, and(eq(trustMarkType.authorityId, trustMarkGrant.authorityId), eq(trustMarkType.trustMarkType, trustMarkGrant.trustMarkType)))
    .innerJoin(member, eq(member.id, trustMarkGrant.memberId))
    .where(
      and(
        only(trustMarkGrant.authorityId, issuer.authority.id),
        inLot(trustMarkGrant.memberId, JSON.stringify(marked)),
        eq(trustMarkGrant.state, 'active'),
        eq(trustMarkType.state, 'active'),
        eq(member.state, 'active'),
      ),
    );
  return new Map(found.map((one) => [markedBy(one.member.id, markKey(one.grant.trustMarkType, one.grant.entityId)), one]));
}

/** What a key signed that counts no more, or the authority before it came back, withheld or not yet: of an answer the words are of then, too. */
const isVoid = ({ keys, authority: of }: Issuer, { kid, generation }: Due): boolean =>
  (of.servesFrom !== 0 && !(generation >= of.servesFrom && generation <= of.generation)) || keys.some((key) => key.kid === kid && key.state === 'revoked');

async function sign(deployment: Deployment, issuer: Issuer, row: Due, { members, grants, marks }: Sources): Promise<NewArtefact | undefined> {
  switch (row.kind) {
    case 'entity_configuration':
      return signedConfiguration(deployment, issuer);
    case 'historical_keys':
      return signedHistoricalKeys(deployment, issuer);
    case 'events':
      return signedEvents(deployment, issuer, row.key);
    case 'head':
      return resignedHead(deployment, issuer);
    case 'mark': {
      const from = grants.get(markedBy(row.memberId, row.key));
      if (!from) return undefined;
      const issued = await issueMark(deployment, issuer, from.type, from.grant, from.member);
      marks.push(issued);
      return issued.mark;
    }
    case 'mark_status':
      return resignedStatus(deployment, issuer, row);
    case 'resolve':
      return isVoid(issuer, row) ? undefined : resignedResponse(deployment, issuer, row);
    case 'statement': {
      const about = row.memberId === null ? undefined : members.get(row.memberId);
      if (about?.state !== 'active') return undefined;
      const end = endOfMember(about);
      if (end !== null && end <= deployment.now()) return undefined;
      return signedStatement(deployment, issuer, about);
    }
    default:
      return undefined;
  }
}

/** Counting stops here: whoever asks wants to know whether, and roughly how much. */
const OVERDUE_COUNTED = 1000;

/** How many artefacts are overdue for renewal by more than a quarter of their lifetime; at most about `OVERDUE_COUNTED`. */
export const overdue = ({ store: { db }, now }: Deployment): Promise<number> => countOverdue(db, now(), OVERDUE_COUNTED);

/** How many artefacts are withheld until they are signed anew; at most `OVERDUE_COUNTED`. */
export const withheldNow = ({ store: { db }, now }: Deployment): Promise<number> => countWithheld(db, now(), OVERDUE_COUNTED);
