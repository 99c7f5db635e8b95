import { and, eq, ne } from 'drizzle-orm';
import { type NewArtefact, putArtefacts } from '../../store/bulk.js';
import { HeadMoved } from '../../store/change.js';
import type { Statement } from '../../store/database.js';
import type { NewEvent } from '../../store/event.js';
import { at, authorityOfSuspended, outside, sourcesThatCameBack, suspendedWith } from '../../store/member-lookups.js';
import { authority } from '../../store/schema.js';
import { type Issuer, issuerOf, published, signedStatement } from '../artefacts/publish.js';
import { type Call, change } from '../call.js';
import { reissueMarks } from '../marks/reissue-marks.js';
import { fairLots } from '../fair-lots.js';
import { Refusal } from '../refusal.js';
import type { MemberRow } from '../registry.js';
import { expectMayBeActive } from './may-be-active.js';
import { writeMember } from './write-member.js';

/** Members that one commit brings back: their statements and marks travel as one value each. */
const SLICE = 50;
/** Slices that a request does itself; the background does the others. */
const AT_ONCE = 20;

/** Bring back what a halt of an organization or authority suspended, as far as one request goes; what is left, or fails now, the background does. */
export async function restoreAll(call: Call, source: string): Promise<void> {
  const { idempotency: _, ...plain } = call;
  let left = AT_ONCE;
  await restoreWaiting(plain, () => left-- > 0, source).catch(() => undefined);
}

/**
 * Members whose organization or authority was halted and is active again come back, slice by slice. An authority that cannot
 * take its own back now, because it cannot sign, holds up nobody else's.
 * @param more false stops between two slices
 * @throws Error that names the authorities that could not, after the others had their turn
 */
export async function restoreWaiting(call: Call<unknown>, more: () => boolean, source?: string): Promise<void> {
  const passed: string[] = [];
  const failed: { readonly slug: string; readonly error: unknown }[] = [];
  const lots = fairLots(call, { most: SLICE });
  while (more()) {
    const place = await nextWaiting(call, source, passed);
    if (!place) break;
    const slice = () => restoreSlice(call, place, lots.size(), source);
    const done = await lots.carry(slice).catch((error: unknown) => {
      failed.push({ slug: place.slug, error });
      return 0;
    });
    if (done === 0) passed.push(place.authorityId);
  }
  if (failed.length)
    throw new Error(`members of ${failed.map(({ slug }) => slug).join(', ')} that a halt suspended cannot be restored now`, { cause: failed[0]?.error });
}

interface Place {
  readonly authorityId: string;
  readonly slug: string;
}

/** An authority that has members who can come back, among those not passed over. */
async function nextWaiting(call: Call, source: string | undefined, passed: readonly string[]): Promise<Place | undefined> {
  const { db } = call.store;
  const elsewhere = outside(passed);
  const waiting = await sourcesThatCameBack(db, source, elsewhere);
  return waiting.length === 0 ? undefined : authorityOfSuspended(db, waiting, elsewhere);
}

/**
 * Some of them at one authority, in one commit, each with its statement and its marks. State says what is left to do, so a
 * restore that is interrupted goes on. One that cannot come back (its membership has ended, it has no key, it belongs to
 * another organization now) stays suspended, as if by itself.
 * @returns how many were looked at; 0 means nobody is left
 */
function restoreSlice(call: Call<number>, { authorityId }: Place, limit: number, source: string | undefined): Promise<number> {
  const { db } = call.store;
  return change<number>(call, {
    authorityId,
    scope: null,
    async decide(watch) {
      const [row] = await db.select().from(authority).where(eq(authority.id, authorityId)).limit(1);
      const back = await sourcesThatCameBack(db, source, at(authorityId));
      const rows = row?.state !== 'active' || back.length === 0 ? [] : await suspendedWith(db, authorityId, back, limit);
      if (!row || rows.length === 0) return { events: [], statements: [], result: 0 };
      const issuer = await issuerOf(call, row);
      const tried = await Promise.all(rows.map((one) => restored(call, issuer, one)));
      const coming = tried.filter((one) => 'statement' in one);
      const marks = await reissueMarks(
        call,
        coming.map(({ member: one }) => one),
        watch,
      );
      return {
        events: tried.map((one) => eventOf(one)),
        elsewhere: marks.elsewhere,
        statements: [
          ...tried.flatMap(({ statements }) => statements),
          ...(coming.length ? [...putArtefacts(coming.map(({ statement }) => statement)), ...marks.statements] : []),
        ],
        result: rows.length,
      };
    },
  });
}

type Restored = { readonly member: MemberRow; readonly with: string | null; readonly statements: readonly Statement[] } & (
  | { readonly statement: NewArtefact }
  | { readonly why: string }
);

async function restored(call: Call, issuer: Issuer, before: MemberRow): Promise<Restored> {
  const source = before.suspendedWith;
  const seen = { ...before, suspendedWith: null, updatedAt: call.now(), v: before.v + 1 };
  // The authority was halted again since it was found among those that came back: its row waits for the next resume.
  if (source !== null && (await isHalted(call, source))) throw new HeadMoved();
  try {
    if (source?.startsWith('org_') && before.organizationId !== source) throw new Refusal('wrong_state', 'it belongs to another organization now');
    await expectMayBeActive(call.store.db, before, call.now());
    const { row, statements } = await writeMember(call.store.db, { before, after: { ...seen, state: 'active', stateReason: null, notBefore: call.now() } });
    return { member: row, with: source, statements, statement: await signedStatement(call, issuer, row) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { row, statements } = await writeMember(call.store.db, { before, after: seen });
    return { member: row, with: source, statements, why: error.message };
  }
}

const isHalted = async ({ store: { db } }: Call, authorityId: string): Promise<boolean> =>
  (
    await db
      .select({ id: authority.id })
      .from(authority)
      .where(and(eq(authority.id, authorityId), ne(authority.state, 'active')))
      .limit(1)
  ).length > 0;

const eventOf = (one: Restored): NewEvent => ({
  type: 'statement' in one ? 'member.resumed' : 'member.left_suspended',
  subjectKind: 'member',
  subjectId: one.member.id,
  detail: {
    entity_id: one.member.entityId,
    from: 'suspended',
    to: one.member.state,
    with: one.with,
    ...('why' in one && { why: one.why.slice(0, 500) }),
  },
  artefacts: 'statement' in one ? published([one.statement]) : [],
});
