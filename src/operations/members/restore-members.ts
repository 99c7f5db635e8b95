import { eq } from 'drizzle-orm';
import { type NewArtefact, putArtefacts } from '../../store/bulk.js';
import type { Statement } from '../../store/database.js';
import type { NewEvent } from '../../store/event.js';
import { authorityOfSuspended, sourcesThatCameBack, suspendedWith } from '../../store/member-lookups.js';
import { authority } from '../../store/schema.js';
import { type Issuer, issuerOf, published, signedStatement } from '../artefacts/publish.js';
import { type Call, change } from '../call.js';
import { reissueMarks } from '../marks/reissue-marks.js';
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
  for (let n = 0; n < AT_ONCE; n++) if ((await restoreSlice(plain, source).catch(() => 0)) === 0) return;
}

/**
 * Members whose organization or authority was halted and is active again come back, a slice in one commit, each with its
 * statement and its marks. State says what is left to do, so a restore that is interrupted goes on. One that cannot come back
 * (its membership has ended, it has no key, it belongs to another organization now) stays suspended, as if by itself.
 * @returns how many were looked at; 0 means nobody is left
 */
export async function restoreSlice(call: Call, source?: string): Promise<number> {
  const { db } = call.store;
  const waiting = await sourcesThatCameBack(db, source);
  if (waiting.length === 0) return 0;
  const first = await authorityOfSuspended(db, waiting);
  if (!first) return 0;
  const { authorityId, slug } = first;
  return change<number>(call, {
    authorityId,
    scope: null,
    async decide(watch) {
      const [row] = await db.select().from(authority).where(eq(authority.id, authorityId)).limit(1);
      const back = await sourcesThatCameBack(db, source);
      const rows = row?.state !== 'active' || back.length === 0 ? [] : await suspendedWith(db, authorityId, back, SLICE);
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
  }).catch((error: unknown) => {
    // It cannot sign now: its members wait, and nobody else does for them.
    if (error instanceof Refusal && error.code === 'wrong_state')
      throw new Error(`members of ${slug} that a halt suspended cannot be restored now`, { cause: error });
    throw error;
  });
}

type Restored = { readonly member: MemberRow; readonly with: string | null; readonly statements: readonly Statement[] } & (
  | { readonly statement: NewArtefact }
  | { readonly why: string }
);

async function restored(call: Call, issuer: Issuer, before: MemberRow): Promise<Restored> {
  const source = before.suspendedWith;
  const seen = { ...before, suspendedWith: null, updatedAt: call.now(), v: before.v + 1 };
  try {
    if (source?.startsWith('org_') && before.organizationId !== source) throw new Refusal('wrong_state', 'it belongs to another organization now');
    await expectMayBeActive(call.store.db, before);
    const { row, statements } = await writeMember({ before, after: { ...seen, state: 'active', stateReason: null } });
    return { member: row, with: source, statements, statement: await signedStatement(call, issuer, row) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { row, statements } = await writeMember({ before, after: seen });
    return { member: row, with: source, statements, why: error.message };
  }
}

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
