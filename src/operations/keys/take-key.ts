import { and, eq, inArray } from 'drizzle-orm';
import type { ReasonCode } from '../../audit/reason-codes.js';
import type { PublicJwk } from '../../federation/entry.js';
import { sameKey } from '../../federation/jwk-set.js';
import { type NewArtefact, putArtefacts } from '../../store/bulk.js';
import type { EventsOf, Watch } from '../../store/change.js';
import type { Statement } from '../../store/database.js';
import { inLot } from '../../store/lots.js';
import { artefact, authority } from '../../store/schema.js';
import { type Issuer, issuerOf, published, signedStatement } from '../artefacts/publish.js';
import type { Call } from '../call.js';
import { cutMarksOf } from '../marks/cut-marks.js';
import { writeMembers } from '../members/write-member.js';
import type { MemberRow } from '../registry.js';
import { type Rewritten, split } from './gone-key.js';
import type { Patience } from './patience.js';

/** Statements that are signed in the commit of the cut; the others are withheld and due, and slices sign them. */
const SIGNED_AT_ONCE = 10;

/** What was taken away before, and this; as it stands there where it cannot be read, so that nothing is followed. */
function withKey(removedKeys: readonly string[], thumbprint: string): readonly string[] {
  try {
    return [...new Set([...removedKeys, thumbprint])];
  } catch {
    return removedKeys;
  }
}

export interface Taking {
  /** The type of the event. */
  readonly event: string;
  readonly reason?: string | undefined;
  readonly reasonCode: ReasonCode | undefined;
  readonly detail?: Readonly<Record<string, unknown>>;
  /** What takes the key's place. */
  readonly heir?: PublicJwk | undefined;
  /** Whether the statement is signed anew here, where that can be done. */
  readonly signs: boolean;
  /** The reason of its suspension when no key is left, and when those that are left cannot be read. */
  readonly bare: string;
  readonly unread: string;
  /** The reason for which its marks go then. */
  readonly marks: string;
}

/**
 * Take a key from members: statements of a few are signed anew without it in the same commit, those of the others are withheld
 * until they are. A member that has no other key is suspended, because nobody is left to vouch for. No configuration brings the
 * key back. It costs as many statements and questions for many members as for one.
 */
export async function takeKeys(
  call: Call,
  watch: Watch,
  rows: readonly MemberRow[],
  thumbprint: string,
  taking: (row: MemberRow) => Taking,
  patience: Patience,
): Promise<Rewritten> {
  const { db } = call.store;
  const now = call.now();
  const parts = await Promise.all(rows.map((before) => without(before, thumbprint, taking(before), now)));
  const written = await writeMembers(
    db,
    parts.map(({ before, after }) => ({ before, after })),
  );
  const taken = parts.map((part, n) => ({ ...part, after: written.rows[n] as MemberRow }));
  const ended = taken.filter(({ before, after }) => after.state !== before.state);
  const marks = await cutMarksOf(
    call,
    ended.map(({ before }) => before),
    watch,
    { reason: taken[0]?.taking.marks ?? '', ends: false },
  );
  const signed = await statementsNow(
    call,
    taken.filter(({ after, taking: { signs } }) => after.state === 'active' && signs).map(({ after }) => after),
    patience,
  );
  const events = taken.map(({ before, after, bound, added, taking: { event, reason, reasonCode, detail } }): EventsOf => {
    const statement = signed.get(before.id);
    const own = {
      type: event,
      subjectKind: 'member',
      subjectId: before.id,
      reason,
      reasonCode,
      detail: {
        entity_id: before.entityId,
        removed: bound ? bound.gone.map(({ kid }) => kid) : null,
        added: added.map(({ kid }) => kid),
        from: before.state,
        to: after.state,
        removed_thumbprints: [thumbprint],
        ...detail,
      },
      artefacts: published(statement ? [statement] : []),
    } as const;
    return { authorityId: before.authorityId, events: [own, ...written.events.filter(({ subjectId }) => subjectId === before.id)] };
  });
  const gone = taken.filter(({ after }) => after.state !== 'active');
  const withheld = taken.filter(({ after }) => after.state === 'active' && !signed.has(after.id));
  return {
    events: [...events, ...marks.elsewhere],
    statements: [
      ...written.statements,
      ...marks.statements,
      ...places(taken, (at) => db.delete(artefact).where(and(at, eq(artefact.kind, 'hosted')))),
      ...places(gone, (at) => db.delete(artefact).where(and(at, eq(artefact.kind, 'statement')))),
      ...places(withheld, (at) =>
        db
          .update(artefact)
          .set({ withheld: 'key_revoked', renewAt: now, leaseUntil: 0 })
          .where(and(at, eq(artefact.kind, 'statement'))),
      ),
      ...(signed.size ? putArtefacts([...signed.values()]) : []),
    ],
  };
}

/** The row of a member as it is without the key. */
async function without(before: MemberRow, thumbprint: string, taking: Taking, now: number) {
  const { heir } = taking;
  // Keys that cannot be read stay as they stand there, for a person to look at, and are vouched for no more.
  const bound = await split(before.jwks, thumbprint);
  const kept = bound?.kept ?? [];
  const added = bound && heir && !kept.some((one) => sameKey(one, heir)) ? [heir] : [];
  const bare = kept.length + added.length === 0;
  const after: MemberRow = {
    ...before,
    jwks: bound ? { keys: [...kept, ...added] } : before.jwks,
    removedKeys: withKey(before.removedKeys, thumbprint),
    keysIat: now,
    cut: before.cut + 1,
    ...(bare &&
      before.state === 'active' && {
        state: 'suspended',
        stateReason: bound ? taking.bare : taking.unread,
      }),
    // A configuration that the key signed is not served; the member uploads another.
    hosted: false,
    updatedAt: now,
    v: before.v + 1,
  };
  return { before, after, bound, added, taking };
}

/** A statement for the artefacts of these members at each of their authorities. */
function places(of: readonly { readonly before: MemberRow }[], make: (at: ReturnType<typeof and>) => Statement): readonly Statement[] {
  return [...new Set(of.map(({ before }) => before.authorityId))].map((id) => {
    const keys = of.filter(({ before }) => before.authorityId === id).map(({ before }) => before.entityId);
    return make(and(eq(artefact.authorityId, id), inLot(artefact.key, JSON.stringify(keys))));
  });
}

/** Statements signed anew, by member id; whose is missing is withheld and due. */
async function statementsNow(call: Call, rows: readonly MemberRow[], patience: Patience): Promise<ReadonlyMap<string, NewArtefact>> {
  const some = rows.slice(0, SIGNED_AT_ONCE);
  const signed = new Map<string, NewArtefact>();
  if (some.length === 0) return signed;
  const ids = [...new Set(some.map(({ authorityId }) => authorityId))];
  const superiors = await call.store.db.select().from(authority).where(inArray(authority.id, ids));
  const issuers = new Map<string, Promise<Issuer>>();
  for (const row of some) {
    const superior = superiors.find(({ id }) => id === row.authorityId);
    if (!superior) continue;
    const issuer = issuers.get(superior.id) ?? issuerOf(call, superior);
    issuers.set(superior.id, issuer);
    const statement = await patience(issuer.then((one) => signedStatement(call, one, row)));
    if (statement) signed.set(row.id, statement);
  }
  return signed;
}
