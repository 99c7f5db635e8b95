import { and, eq } from 'drizzle-orm';
import type { ReasonCode } from '../../audit/reason-codes.js';
import type { PublicJwk } from '../../federation/entry.js';
import { sameKey } from '../../federation/jwk-set.js';
import { putArtefacts } from '../../store/bulk.js';
import type { Watch } from '../../store/change.js';
import type { NewEvent } from '../../store/event.js';
import { artefact, authority } from '../../store/schema.js';
import { issuerOf, published, signedStatement } from '../artefacts/publish.js';
import type { Call } from '../call.js';
import { cutMarksOf } from '../marks/cut-marks.js';
import { writeMember } from '../members/write-member.js';
import type { MemberRow } from '../registry.js';
import { type Rewritten, split } from './gone-key.js';

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
 * Take a key from a member: its statement is signed anew without it in the same commit, or withheld until it is. A member that
 * has no other key is suspended, because nobody is left to vouch for. No configuration brings the key back.
 */
export async function takeKey(call: Call, watch: Watch, before: MemberRow, thumbprint: string, taking: Taking): Promise<Rewritten> {
  const { db } = call.store;
  const { heir } = taking;
  // Keys that cannot be read stay as they stand there, for a person to look at, and are vouched for no more.
  const bound = await split(before.jwks, thumbprint);
  const kept = bound?.kept ?? [];
  const added = bound && heir && !kept.some((one) => sameKey(one, heir)) ? [heir] : [];
  const now = call.now();
  const bare = kept.length + added.length === 0;
  const wanted: MemberRow = {
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
  const { row: after, ...written } = await writeMember({ before, after: wanted });
  const ends = after.state !== before.state;
  const marks = ends ? await cutMarksOf(call, before, watch, { reason: taking.marks, ends: false }) : { statements: [], elsewhere: [] };
  const statement = after.state === 'active' && taking.signs ? await statementNow(call, after) : undefined;
  const at = (kind: 'statement' | 'hosted') => and(eq(artefact.authorityId, before.authorityId), eq(artefact.kind, kind), eq(artefact.key, before.entityId));
  const event: NewEvent = {
    type: taking.event,
    subjectKind: 'member',
    subjectId: before.id,
    reason: taking.reason,
    reasonCode: taking.reasonCode,
    detail: {
      entity_id: before.entityId,
      removed: bound ? bound.gone.map(({ kid }) => kid) : null,
      added: added.map(({ kid }) => kid),
      from: before.state,
      to: after.state,
      removed_thumbprints: [thumbprint],
      ...taking.detail,
    },
    artefacts: published(statement ? [statement] : []),
  };
  return {
    events: [{ authorityId: before.authorityId, events: [event, ...written.events] }, ...marks.elsewhere],
    statements: [
      ...written.statements,
      ...marks.statements,
      db.delete(artefact).where(at('hosted')),
      ...(after.state !== 'active'
        ? [db.delete(artefact).where(at('statement'))]
        : [
            ...(statement
              ? putArtefacts([statement])
              : [db.update(artefact).set({ withheld: 'key_revoked', renewAt: now, leaseUntil: 0 }).where(at('statement'))]),
          ]),
    ],
  };
}

/** The statement signed anew; undefined where that cannot be done in this commit: it is withheld and due. */
async function statementNow(call: Call, row: MemberRow) {
  const [superior] = await call.store.db.select().from(authority).where(eq(authority.id, row.authorityId)).limit(1);
  if (!superior) return undefined;
  return issuerOf(call, superior)
    .then((issuer) => signedStatement(call, issuer, row))
    .catch(() => undefined);
}
