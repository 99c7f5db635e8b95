import { and, eq, gt, inArray } from 'drizzle-orm';
import type { PublicJwk } from '../../federation/entry.js';
import { sameKey } from '../../federation/jwk-set.js';
import { putArtefacts } from '../../store/bulk.js';
import type { EventsOf, Watch } from '../../store/change.js';
import type { NewEvent } from '../../store/event.js';
import { holdsText } from '../../store/conditions.js';
import { whileBoundToNoOther } from '../../store/guards.js';
import { artefact, authority, member, memberKey } from '../../store/schema.js';
import { issuerOf, published, signedStatement } from '../artefacts/publish.js';
import type { Call } from '../call.js';
import { cutMarksOf } from '../marks/cut-marks.js';
import type { AuthorityKeyRow, AuthorityRow, MemberRow } from '../registry.js';
import { byChain } from '../by-chain.js';
import { indexedTo } from '../members/index-members.js';
import { writeMember } from '../members/write-member.js';
import type { Consequences } from './change-keys.js';
import { disownKey, ownedByNoOther, recognizing } from './disown-key.js';
import { type GoneKey, goneKey, type Rewritten, split } from './gone-key.js';
import { delegatedByNoOther, delegationsBy, takeBackDelegations, voidDelegation } from './void-delegations.js';
import { pinnedByNoOther, pinsWith, unpinKey } from './unpin-key.js';

export interface Removed extends Consequences {
  readonly foreignSuperiors: readonly string[];
}

/** What was taken away before, and this; as it stands there where it cannot be read, so that nothing is followed. */
function withKey(removedKeys: readonly string[], thumbprint: string): readonly string[] {
  try {
    return [...new Set([...removedKeys, thumbprint])];
  } catch {
    return removedKeys;
  }
}

/**
 * A key of an authority of ours was compromised: from this commit on no member row of this deployment vouches for it, no pinned
 * Trust Anchor and no owner of a type of Trust Mark has it, and no delegation counts by it. Where the row is the authority's
 * own, the heir stands there in its place, so that chains hold. A member that has no other key is suspended: nobody is left to
 * vouch for.
 * @param heir what the authority signs with now; undefined when no key can sign
 */
export async function removeEverywhere(call: Call, watch: Watch, of: AuthorityRow, gone: AuthorityKeyRow, heir: AuthorityKeyRow | undefined): Promise<Removed> {
  const key = await goneKey(gone);
  const carrying = async () => {
    const owning = (await recognizing(call, key)).map((row) => ({ authorityId: row.id, row }));
    return { members: await membersWith(call, key), pins: await pinsWith(call, key), owning, delegations: await delegationsBy(call, key) };
  };
  // The chains first, then the rows again: what was read before a chain was watched may have moved.
  const found = await carrying();
  const watched = new Set([...found.members, ...found.pins, ...found.owning, ...found.delegations.resting].map(({ authorityId }) => authorityId));
  for (const id of watched) await watch(id);
  const here = ({ authorityId }: { readonly authorityId: string }) => watched.has(authorityId);
  const now = await carrying();
  const [rows, pins, owning, types] = [now.members.filter(here), now.pins.filter(here), now.owning.filter(here), now.delegations.resting.filter(here)];
  const missed = now.delegations.resting.filter((one) => !here(one));
  const told: EventsOf[] = [...watched].map((authorityId) => ({
    authorityId,
    events: [{ type: 'authority.key_compromised', subjectKind: 'authority', subjectId: of.id, detail: { entity_id: of.entityId, kid: gone.kid } }],
  }));
  const rewritten: Rewritten[] = [];
  for (const row of rows) rewritten.push(await rewrite(call, watch, of, row, key, heir?.jwk));
  for (const pin of pins) rewritten.push(await unpinKey(call, of, pin, key, heir?.jwk));
  const cleared = await Promise.all(owning.map(({ row }) => disownKey(call, of, row, key, heir?.jwk)));
  rewritten.push(...cleared, ...types.map((type) => voidDelegation(call, type)), await takeBackDelegations(call, of, key));
  const own = cleared[owning.findIndex(({ authorityId }) => authorityId === of.id)];
  const ours = new Set((await call.store.db.select({ entityId: authority.entityId }).from(authority)).map(({ entityId }) => entityId));
  return {
    ...byChain(of.id, [...told, ...rewritten.flatMap(({ events }) => events)]),
    statements: [
      // One to whom the key was bound meanwhile, under an authority whose chain was not watched, is rewritten as well: decided again.
      whileBoundToNoOther(of.id, key.thumbprint, rows),
      pinnedByNoOther(of, key, pins),
      ownedByNoOther(
        of,
        key,
        owning.map(({ row }) => row),
      ),
      delegatedByNoOther(
        of,
        now.delegations.all.filter((one) => !missed.includes(one)),
      ),
      ...rewritten.flatMap(({ statements }) => statements),
    ],
    claims: own?.claims,
    foreignSuperiors: of.authorityHints.filter((hint) => !ours.has(hint)),
  };
}

/** Members that list a key, under whatever `kid`: by the index, and by their text where an earlier version wrote rows that are not in it. */
async function membersWith(call: Call, { thumbprint, text }: GoneKey): Promise<readonly MemberRow[]> {
  const { db } = call.store;
  const after = await indexedTo(db);
  const bound = db.select({ id: memberKey.memberId }).from(memberKey).where(eq(memberKey.thumbprint, thumbprint));
  const rows = await db.select().from(member).where(inArray(member.id, bound));
  if (after === undefined) return rows;
  const unread = await db
    .select()
    .from(member)
    .where(and(gt(member.id, after), holdsText(member.jwks, text)));
  const known = new Set(rows.map(({ id }) => id));
  const carrying = await Promise.all(unread.map(async ({ jwks }) => ((await split(jwks, thumbprint))?.gone.length ?? 1) > 0));
  return [...rows, ...unread.filter(({ id }, n) => !known.has(id) && carrying[n])];
}

async function rewrite(call: Call, watch: Watch, of: AuthorityRow, before: MemberRow, gone: GoneKey, heir: PublicJwk | undefined): Promise<Rewritten> {
  const { db } = call.store;
  const own = before.entityId === of.entityId;
  // Keys that cannot be read stay as they stand there, for a person to look at, and are vouched for no more.
  const bound = await split(before.jwks, gone.thumbprint);
  const kept = bound?.kept ?? [];
  const added = bound && own && heir && !kept.some((one) => sameKey(one, heir)) ? [heir] : [];
  const now = call.now();
  const bare = kept.length + added.length === 0;
  const wanted: MemberRow = {
    ...before,
    jwks: bound ? { keys: [...kept, ...added] } : before.jwks,
    removedKeys: withKey(before.removedKeys, gone.thumbprint),
    keysIat: now,
    cut: before.cut + 1,
    ...(bare &&
      before.state === 'active' && {
        state: 'suspended',
        stateReason: bound ? 'the only key we vouched for was compromised' : 'a key was compromised, and the others cannot be read',
      }),
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
    reasonCode: 'compromised',
    detail: {
      entity_id: before.entityId,
      removed: bound ? bound.gone.map(({ kid }) => kid) : null,
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
