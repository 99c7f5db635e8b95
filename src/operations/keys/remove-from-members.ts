import { and, eq, gt, inArray, sql } from 'drizzle-orm';
import type { PublicJwk } from '../../federation/entry.js';
import { calculateJwkThumbprint } from 'jose';
import { sameKey } from '../../federation/jwk-set.js';
import { putArtefacts } from '../../store/bulk.js';
import type { EventsOf, Watch } from '../../store/change.js';
import type { Statement } from '../../store/database.js';
import type { NewEvent } from '../../store/event.js';
import { onlyWhile } from '../../store/only-while.js';
import { artefact, authority, member, memberKey } from '../../store/schema.js';
import { issuerOf, published, signedStatement } from '../artefacts/publish.js';
import type { Call } from '../call.js';
import { cutMarksOf } from '../marks/cut-marks.js';
import type { AuthorityKeyRow, AuthorityRow, MemberRow } from '../registry.js';
import { byChain } from '../by-chain.js';
import { indexedTo } from '../members/index-members.js';
import { writeMember } from '../members/write-member.js';
import type { Consequences } from './change-keys.js';

export interface Removed extends Consequences {
  readonly foreignSuperiors: readonly string[];
}

/** What happens to one member row, and which events that makes in which chain. */
interface Rewritten {
  readonly statements: readonly Statement[];
  readonly events: readonly EventsOf[];
}

/**
 * A key of an authority of ours was compromised: no member row of this deployment vouches for it from this commit on. Where
 * the row is the authority's own, as a Subordinate, the heir stands there in its place, so that chains hold. A row that has
 * no other key is suspended: nobody is left to vouch for.
 * @param heir what the authority signs with now; undefined when no key can sign
 */
export async function removeFromMembers(
  call: Call,
  watch: Watch,
  of: AuthorityRow,
  gone: AuthorityKeyRow,
  heir: AuthorityKeyRow | undefined,
): Promise<Removed> {
  const carrying = () => membersWith(call, gone.jwk);
  // The chains first, then the rows again: what was read before a chain was watched may have moved.
  const watched = new Set((await carrying()).map(({ authorityId }) => authorityId));
  for (const id of watched) await watch(id);
  const rows = (await carrying()).filter(({ authorityId }) => watched.has(authorityId));
  const told: EventsOf[] = [...watched].map((authorityId) => ({
    authorityId,
    events: [{ type: 'authority.key_compromised', subjectKind: 'authority', subjectId: of.id, detail: { entity_id: of.entityId, kid: gone.kid } }],
  }));
  const rewritten: Rewritten[] = [];
  for (const row of rows) rewritten.push(await rewrite(call, watch, of, row, gone.jwk, heir?.jwk));
  const ours = new Set((await call.store.db.select({ entityId: authority.entityId }).from(authority)).map(({ entityId }) => entityId));
  return {
    ...byChain(of.id, [...told, ...rewritten.flatMap(({ events }) => events)]),
    statements: [await boundToNoOther(of, gone.jwk, rows), ...rewritten.flatMap(({ statements }) => statements)],
    foreignSuperiors: of.authorityHints.filter((hint) => !ours.has(hint)),
  };
}

/** One to whom the key was bound meanwhile, under an authority whose chain was not watched, is rewritten as well: decided again. */
const boundToNoOther = async (of: AuthorityRow, key: PublicJwk, rows: readonly MemberRow[]): Promise<Statement> =>
  onlyWhile(
    of.id,
    'NOT EXISTS (SELECT 1 FROM member_key WHERE thumbprint = ? AND member_id NOT IN (SELECT value FROM json_each(?)))',
    await calculateJwkThumbprint(key),
    JSON.stringify(rows.map(({ id }) => id)),
  );

/** Members that list a key, under whatever `kid`: by the index, and by their text where an earlier version wrote rows that are not in it. */
async function membersWith(call: Call, key: PublicJwk): Promise<readonly MemberRow[]> {
  const { db } = call.store;
  const after = await indexedTo(db);
  const bound = db
    .select({ id: memberKey.memberId })
    .from(memberKey)
    .where(eq(memberKey.thumbprint, await calculateJwkThumbprint(key)));
  const rows = await db.select().from(member).where(inArray(member.id, bound));
  if (after === undefined) return rows;
  const unread = await db
    .select()
    .from(member)
    .where(and(gt(member.id, after), sql`instr(${member.jwks}, ${String(key.x ?? key.n)}) > 0`));
  const known = new Set(rows.map(({ id }) => id));
  return [...rows, ...unread.filter(({ id, jwks }) => !known.has(id) && jwks.keys.some((one) => sameKey(one, key)))];
}

async function rewrite(call: Call, watch: Watch, of: AuthorityRow, before: MemberRow, gone: PublicJwk, heir: PublicJwk | undefined): Promise<Rewritten> {
  const { db } = call.store;
  const own = before.entityId === of.entityId;
  const kept = before.jwks.keys.filter((one) => !sameKey(one, gone));
  const added = own && heir && !kept.some((one) => sameKey(one, heir)) ? [heir] : [];
  const now = call.now();
  const bare = kept.length + added.length === 0;
  // No configuration that shows it again binds it.
  const removedKeys = [...new Set([...before.removedKeys, await calculateJwkThumbprint(gone)])];
  const wanted: MemberRow = {
    ...before,
    jwks: { keys: [...kept, ...added] },
    removedKeys,
    keysIat: now,
    cut: before.cut + 1,
    ...(bare && before.state === 'active' && { state: 'suspended', stateReason: 'the only key we vouched for was compromised' }),
    // A configuration that the key signed is not served; the member uploads another.
    hosted: false,
    updatedAt: now,
    v: before.v + 1,
  };
  const { row: after, ...written } = await writeMember({ before, after: wanted });
  const ends = after.state !== before.state;
  const marks = ends ? await cutMarksOf(call, before, watch, { reason: 'key compromised', ends: false }) : { statements: [], elsewhere: [] };
  const statement = after.state === 'active' ? await statementNow(call, of, after) : undefined;
  const at = (kind: 'statement' | 'hosted') => and(eq(artefact.authorityId, before.authorityId), eq(artefact.kind, kind), eq(artefact.key, before.entityId));
  const event: NewEvent = {
    type: 'member.key_compromised',
    subjectKind: 'member',
    subjectId: before.id,
    reason: 'compromised',
    detail: {
      entity_id: before.entityId,
      removed: before.jwks.keys.filter((one) => sameKey(one, gone)).map(({ kid }) => kid),
      added: added.map(({ kid }) => kid),
      from: before.state,
      to: after.state,
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
async function statementNow(call: Call, of: AuthorityRow, row: MemberRow) {
  if (row.authorityId === of.id) return undefined;
  const [superior] = await call.store.db.select().from(authority).where(eq(authority.id, row.authorityId)).limit(1);
  if (!superior) return undefined;
  return issuerOf(call, superior)
    .then((issuer) => signedStatement(call, issuer, row))
    .catch(() => undefined);
}
