import { newId } from '../../keys/random.js';
import { bar } from '../../store/barred.js';
import type { JwkSet } from '../../federation/entry.js';
import { spellingOf } from '../../federation/place.js';
import { jsonEqual } from '../../federation/strict-json.js';
import type { Database, Statement } from '../../store/database.js';
import { whileNoneHalted } from '../../store/guards.js';
import { dropStandings, dropStandingsOf, endChallenges, forgetProofsOf, forgetResumingOf } from '../../store/key-standing.js';
import { agentsDue, agentStatementsDue } from '../../store/agent-authorities.js';
import { dropWatches } from '../../store/member-watches.js';
import { ENDED_STATES } from '../../store/schema.js';
import type { NewEvent } from '../../store/event.js';
import { type KeysOf, putMembers } from '../../store/member-rows.js';
import { keepRegistrationEvents } from '../../store/registration-events.js';
import { type FreePlaces, giveStatusPlaces } from '../status/give-places.js';
import { revokeNaming, type StatusPlace } from '../../store/status-entries.js';
import { accreditedEnds, type Admitting } from '../accreditations/admitted.js';
import { keepVouched } from '../../store/vouched-issuers.js';
import { consequencesOf } from '../facts.js';
import { whileNotCompromised } from '../keys/not-compromised.js';
import type { MemberRow } from '../registry.js';
import { thumbprintsOf } from './key-binding.js';
import { certifiedEnd } from '../binding/certificates-of.js';
import { became, entitledAlike } from './registration.js';
import { contentChanged, settled } from './vetted.js';

export interface MemberWrite {
  /** Undefined for one that is enrolled now. */
  readonly before?: MemberRow | undefined;
  readonly after: MemberRow;
  /** Somebody who may approve has decided about just this content. */
  readonly decided?: boolean;
  /** The end of its certificates is looked at though its keys stay. */
  readonly endsAnew?: boolean;
  /** What anyone is told about it, beside what became of the member. */
  readonly publicReason?: string | undefined;
}

export interface WrittenMembers {
  /** The rows as they are written, in the order given: sign these, answer with these. */
  readonly rows: readonly MemberRow[];
  readonly statements: readonly Statement[];
  /** What the write itself did; they go with the events of the verb. */
  readonly events: readonly NewEvent[];
}

/** What whoever writes has read already, behind the same lock. */
export interface Known {
  readonly authorities?: readonly Admitting[];
  /** Of the one authority under which all of them are written. */
  readonly places?: FreePlaces;
  /** Each is an act of its own, though they are written together. */
  readonly apart?: boolean;
}

/**
 * Write members: every verb goes through here, so what has to be kept with a member's row is kept whatever the verb is.
 * @throws Refusal wrong_state when something would be published that nobody approved, accreditation_not_in_force
 */
export async function writeMembers(db: Database, writes: readonly MemberWrite[], { authorities, places, apart = false }: Known = {}): Promise<WrittenMembers> {
  const accredited = await accreditedEnds(db, writes, authorities);
  const fresh = new Set(writes.flatMap(({ before, after }) => (before ? [] : [after.id])));
  const { rows, statements: placing } = await placed(
    db,
    await Promise.all(
      writes.map(async ({ before, after, decided = false, endsAnew = false }, n) => ({
        ...(await settled(before, after, decided)),
        spelling: spellingOf(after.entityId),
        entitlementVersion: entitlementVersionOf(before, after),
        accreditedUntil: accredited[n] ?? null,
        ...((endsAnew || !jsonEqual(before?.jwks, after.jwks)) && { keysUntil: await certifiedEnd(db, after) }),
      })),
    ),
    { places, fresh },
  );
  const rebound = rows.filter(({ jwks }, n) => !jsonEqual(writes[n]?.before?.jwks, jwks));
  const keys = await Promise.all(rebound.map(async ({ id, authorityId, jwks }) => ({ memberId: id, authorityId, thumbprints: await thumbprintsOf(jwks) })));
  const statements = [...whileNotHalted(writes, rows), ...(await whileSound(writes, keys)), ...beginAnew(writes, rows)];
  return {
    rows,
    statements: [
      ...statements,
      ...placing,
      ...putMembers(rows, keys, fresh),
      ...endWatch(rows),
      ...barring(writes, rows),
      ...resting(writes, rows, apart),
      ...seenBelow(writes, rows),
      ...told(writes, rows),
      ...vouching(writes, rows),
    ],
    events: rows.flatMap((row, n) => sentBack(writes[n]?.before, row)),
  };
}

/** Whoever is in force has a place in a status list of its authority, from the first time on and for good. */
async function placed(
  db: Database,
  rows: readonly MemberRow[],
  from: { readonly places?: FreePlaces | undefined; readonly fresh: ReadonlySet<string> },
): Promise<Omit<WrittenMembers, 'events'>> {
  const without = rows.filter(({ state, statusIdx }) => state === 'active' && statusIdx === null);
  const places = new Map<string, StatusPlace>();
  const statements: Statement[] = [];
  for (const authorityId of new Set(without.map((row) => row.authorityId))) {
    const own = without.filter((row) => row.authorityId === authorityId);
    const asked = own.map(({ id }) => ({ kind: 'member' as const, subjectId: id, memberId: id }));
    const given = await giveStatusPlaces(db, authorityId, asked, Math.max(...own.map(({ updatedAt }) => updatedAt)), from);
    for (const [n, { id }] of own.entries()) places.set(id, given.places[n] as StatusPlace);
    statements.push(...given.statements);
  }
  const at = (row: MemberRow) => places.get(row.id);
  return { rows: rows.map((row) => ({ ...row, statusList: at(row)?.list ?? row.statusList, statusIdx: at(row)?.idx ?? row.statusIdx })), statements };
}

/** A cell that cannot be read was changed by nobody. */
function entitlementVersionOf(before: MemberRow | undefined, after: MemberRow): number {
  const version = before?.entitlementVersion ?? 0;
  if (!before) return after.entitlements === null && after.bundles.length === 0 ? version : version + 1;
  const same = before.entitlements === after.entitlements && before.bundles === after.bundles;
  return same || entitledAlike(before, after) ? version : version + 1;
}

export interface WrittenMember extends Omit<WrittenMembers, 'rows'> {
  readonly row: MemberRow;
}

/** Write one member. @throws Refusal wrong_state */
export async function writeMember(db: Database, write: MemberWrite): Promise<WrittenMember> {
  const { rows, ...rest } = await writeMembers(db, [write]);
  return { ...rest, row: rows[0] as MemberRow };
}

/**
 * Nobody becomes active who is an authority of this deployment that is halted or retired. Which one that is stands in the
 * chain of that authority, so the commit asks again; the halt asks the other way round (authorities/memberships.ts).
 */
function whileNotHalted(writes: readonly MemberWrite[], rows: readonly MemberRow[]): readonly Statement[] {
  const entering = rows.filter(({ state }, n) => state === 'active' && writes[n]?.before?.state !== 'active');
  return [...new Set(entering.map(({ authorityId }) => authorityId))].map((authorityId) =>
    whileNoneHalted(
      authorityId,
      entering.filter((row) => row.authorityId === authorityId).map(({ entityId }) => entityId),
    ),
  );
}

/**
 * No key is bound that an authority of this deployment called compromised. Who binds it has asked (shared-keys.ts); the
 * revocation may have come since, in the chain of that authority, so the commit asks again.
 */
async function whileSound(writes: readonly MemberWrite[], keys: readonly KeysOf[]): Promise<readonly Statement[]> {
  const bound = new Map(writes.flatMap(({ before }) => (before ? [[before.id, before.jwks] as const] : [])));
  const added = await Promise.all(
    keys.map(async ({ memberId, authorityId, thumbprints }) => {
      const known = await knownOf(bound.get(memberId));
      return { authorityId, thumbprints: thumbprints.filter((one) => !known.includes(one)) };
    }),
  );
  return [...new Set(added.map(({ authorityId }) => authorityId))].flatMap((id) =>
    whileNotCompromised(
      id,
      added.filter(({ authorityId }) => authorityId === id).flatMap(({ thumbprints }) => thumbprints),
    ),
  );
}

/** Of keys that cannot be read none is known. */
async function knownOf(jwks: JwkSet | undefined): Promise<readonly string[]> {
  try {
    return jwks ? await thumbprintsOf(jwks) : [];
  } catch {
    return [];
  }
}

/** For whom the issuers of a member may speak; whoever has ended speaks for nobody. A cell that cannot be read was changed by nobody. */
function vouching(writes: readonly MemberWrite[], rows: readonly MemberRow[]): readonly Statement[] {
  const ended = (row: MemberRow | undefined): boolean => row === undefined || ENDED_STATES.includes(row.state);
  const moved = rows.filter((row, n) => {
    const before = writes[n]?.before;
    if (before === undefined) return !ended(row) && row.vouchedIssuers.length > 0;
    return ended(before) !== ended(row) || (before.vouchedIssuers !== row.vouchedIssuers && !jsonEqual(before.vouchedIssuers, row.vouchedIssuers));
  });
  return keepVouched(
    moved.map(({ id }) => id),
    moved.filter((row) => !ended(row)),
  );
}

/** What becomes of a subordinate is kept for whoever asks its authority. */
function told(writes: readonly MemberWrite[], rows: readonly MemberRow[]): readonly Statement[] {
  const kept = rows.flatMap((row, n) => {
    const event = became(writes[n]?.before, row);
    return event.map((one) => ({
      authorityId: row.authorityId,
      entityId: row.entityId,
      at: row.updatedAt,
      event: one,
      description: writes[n]?.publicReason ?? null,
    }));
  });
  return [...new Set(kept.map(({ authorityId }) => authorityId))].flatMap((id) => {
    const own = kept.filter(({ authorityId }) => authorityId === id);
    return keepRegistrationEvents(id, own, Math.max(...own.map(({ at }) => at)));
  });
}

/** Resolvers see what lies below: when members come or go, and when an intermediate is published, newly or anew. */
function seenBelow(writes: readonly MemberWrite[], rows: readonly MemberRow[]): readonly Statement[] {
  const statements: Statement[] = [];
  const active = (row: MemberRow | undefined): boolean => row?.state === 'active';
  const moved = rows.filter((row, n) => active(row) !== active(writes[n]?.before));
  const now = Math.max(0, ...rows.map(({ updatedAt }) => updatedAt));
  for (const authorityId of new Set(moved.map((row) => row.authorityId)))
    statements.push(...consequencesOf(authorityId, { fact: 'members came or went' }, now));
  const back = rows.flatMap((row, n) => (active(row) && writes[n]?.before && !active(writes[n]?.before) ? [row.id] : []));
  if (back.length) statements.push(...agentsDue(back, now));
  const limited = rows.flatMap((row, n) =>
    row.intermediate && (writes[n]?.before?.entitlementVersion ?? row.entitlementVersion) !== row.entitlementVersion ? [row.id] : [],
  );
  if (limited.length) statements.push(agentStatementsDue(limited, now));
  const superiors = rows.filter((row) => active(row) && row.intermediate);
  for (const authorityId of new Set(superiors.map((row) => row.authorityId))) {
    const entityIds = superiors.filter((row) => row.authorityId === authorityId).map(({ entityId }) => entityId);
    statements.push(...consequencesOf(authorityId, { fact: 'superiors changed', entityIds }, now));
  }
  return statements;
}

/** Whoever is revoked, or comes here as one that was, is barred. */
const barring = (writes: readonly MemberWrite[], rows: readonly MemberRow[]): readonly Statement[] =>
  rows.flatMap((row, n) => {
    const { id: memberId, authorityId, entityId, stateReason: reason, updatedAt: at } = row;
    return row.state === 'revoked' && writes[n]?.before?.state !== 'revoked' ? [bar({ id: newId('bar'), authorityId, entityId, memberId, reason, at })] : [];
  });

/**
 * A key that was taken away, and every key of a member that has ended, is proven and confirmed anew when it comes back. What
 * was proven before a suspension does not serve after it, nor what was proven for coming back from it for another one.
 */
function beginAnew(writes: readonly MemberWrite[], rows: readonly MemberRow[]): readonly Statement[] {
  const ended = rows.filter(({ state }, n) => ENDED_STATES.includes(state) && writes[n]?.before).map(({ id }) => id);
  const suspends = (row: MemberRow | undefined): boolean => row?.state === 'suspended';
  const [cut, back] = [true, false].map((to) => rows.filter((row, n) => suspends(row) === to && suspends(writes[n]?.before) !== to).map(({ id }) => id));
  const removed = rows.flatMap(({ id, removedKeys }, n) => {
    const before = writes[n]?.before?.removedKeys ?? [];
    // A cell that cannot be read was changed by nobody.
    if (removedKeys === before) return [];
    return removedKeys.filter((one) => !before.includes(one)).map((thumbprint) => ({ memberId: id, thumbprint }));
  });
  return [
    ...(ended.length ? [dropStandingsOf(ended), endChallenges(ended)] : []),
    ...(cut?.length ? forgetProofsOf(cut) : []),
    ...(back?.length ? forgetResumingOf(back) : []),
    ...(removed.length ? [dropStandings(removed), revokeNaming(removed, Math.max(...rows.map(({ updatedAt }) => updatedAt)))] : []),
  ];
}

/** Nobody looks at a member that has ended; one that comes back is looked at anew. */
function endWatch(rows: readonly MemberRow[]): readonly Statement[] {
  const ended = rows.filter(({ state }) => ENDED_STATES.includes(state)).map(({ id }) => id);
  return ended.length ? [dropWatches(ended)] : [];
}

/** What rests on a member's being in force, and on what our statement about it says. */
function resting(writes: readonly MemberWrite[], rows: readonly MemberRow[], apart: boolean): readonly Statement[] {
  const was = new Set(writes.flatMap(({ before }) => (before?.state === 'active' ? [before.id] : [])));
  return [...new Set(rows.map(({ authorityId }) => authorityId))].flatMap((authorityId) => {
    const own = rows.filter((row) => row.authorityId === authorityId);
    const now = Math.max(...own.map(({ updatedAt }) => updatedAt));
    const named = (some: readonly MemberRow[]) => some.map(({ entityId }) => entityId);
    const active = own.filter(({ state }) => state === 'active');
    const changed = active.filter(({ id }) => was.has(id));
    const cut = own.filter(({ id, state }) => state !== 'active' && was.has(id));
    return [
      // One that stands already may have been found wanting before: it is looked at anew as well.
      ...consequencesOf(authorityId, { fact: 'members in force', entityIds: named(active), apart }, now),
      ...(changed.length ? consequencesOf(authorityId, { fact: 'statement changed', entityIds: named(changed) }, now) : []),
      ...(cut.length ? consequencesOf(authorityId, { fact: 'member cut', entityIds: named(cut) }, now) : []),
    ];
  });
}

/** What was approved is no longer what stands there: it is looked at again. */
function sentBack(before: MemberRow | undefined, row: MemberRow): readonly NewEvent[] {
  if (before?.state !== 'approved' || row.state !== 'vetting') return [];
  return [
    {
      type: 'member.sent_back',
      subjectKind: 'member',
      subjectId: row.id,
      detail: { entity_id: row.entityId, from: before.state, to: row.state, changed: contentChanged(before, row) },
    },
  ];
}
