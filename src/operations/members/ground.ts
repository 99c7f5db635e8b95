import { and, eq, ne } from 'drizzle-orm';
import { spellingOf } from '../../federation/place.js';
import { appliedInVain, barredAmong, type BarredRow, formerKeysOf } from '../../store/barred.js';
import { bundlesOf } from '../../store/bundles.js';
import { revokedSince, wasCutSince } from '../../store/cut-since.js';
import type { Statement } from '../../store/database.js';
import { inLot, readByList } from '../../store/lots.js';
import { authority as authorityTable, member } from '../../store/schema.js';
import { type Together, kindOf } from '../../store/together.js';
import { type Room, roomIn } from '../agents/room.js';
import { type Issuer, issuerOf } from '../artefacts/publish.js';
import { type Call, DEPLOYMENT, may } from '../call.js';
import type { Bundles } from '../entitlements/effective.js';
import type { Judged } from '../judged.js';
import { type AuthorityRow, findAuthority, type MemberRow, type PolicyRow, publishedPolicy } from '../registry.js';
import { type FreePlaces, freePlacesFor } from '../status/give-places.js';
import { barRevoked } from './bar-revoked.js';
import type { Prepared } from './enrollment.js';
import { thumbprintsOf } from './key-binding.js';
import type { HaltedAuthority } from './may-be-active.js';
import { namesKnown, organizationsFrom, type Organizations } from './organizations.js';
import { otherSpellings, type Respelled, spellingsOf } from './respelled.js';
import { type KeysKnown, keysKnown, sharedAmong, whileNoneHaltedSince } from './shared-keys.js';

/** What enrolments are decided on, read once for one of them or for five hundred. */
export interface Ground extends Pick<Found, 'authority' | 'bars' | 'formerKeys' | 'inVain' | 'former' | 'policy' | 'bundles' | 'halted' | 'issuer' | 'places'> {
  /** No key of theirs was halted meanwhile. */
  readonly sound: readonly Statement[];
  readonly organizations: Organizations;
  /** What keys they share with others, by Entity Identifier. */
  readonly shared: ReadonlyMap<string, readonly Judged[]>;
  /** Who bears the identifiers in another spelling; grows with what is decided. */
  readonly spellings: Map<string, readonly Respelled[]>;
  /** Who was revoked since the enrolments were asked for: whoever asked did not know of it. */
  readonly revokedMeanwhile: ReadonlySet<string>;
  /** Was a key of theirs halted since then? Whoever waives that did not know of it. */
  readonly haltedMeanwhile: () => Promise<boolean>;
  /** Who is to speak for whom, of those that were decided already. */
  readonly vouching: MemberRow[];
  /** In an authority for agents: how many more there may be. */
  readonly room: Room | undefined;
  /** The caller may decide about the content alone. */
  readonly approver: boolean;
  /** The caller may say that somebody may come back; with quorum 2 two persons approve it all the same. */
  readonly readmits: boolean;
}

/** Of that what is the same whoever asks, and nobody changes who decides on it. */
export interface Found {
  readonly authority: AuthorityRow;
  /** Their bars, by Entity Identifier, and every key that these had. */
  readonly bars: ReadonlyMap<string, BarredRow>;
  readonly formerKeys: ReadonlyMap<string, readonly string[]>;
  /** Archived ones that were never let in: they are not barred. */
  readonly inVain: ReadonlySet<string>;
  /** Who was here before, by Entity Identifier; those in another spelling too. */
  readonly former: ReadonlyMap<string, MemberRow>;
  /** Who bears the identifiers, in whatever spelling. */
  readonly spelled: ReadonlyMap<string, readonly Respelled[]>;
  /** Organizations that are named, by id and by name. */
  readonly organizationsKnown: ReadonlyMap<string, string>;
  /** Of their keys. */
  readonly keys: KeysKnown;
  /** What entitlements are judged by. */
  readonly policy: PolicyRow | undefined;
  readonly bundles: Bundles;
  readonly roomNow: Room | undefined;
  /** Those that are authorities of this deployment which are not active, by Entity Identifier. */
  readonly halted: ReadonlyMap<string, HaltedAuthority>;
  /** By what their statements are signed; asked when there is one to sign. */
  readonly issuer: () => Promise<Issuer>;
  readonly places: FreePlaces;
}

const RETURN_BY_DECISION = ['revoked', 'archived'];

async function foundFor(call: Call, authority: AuthorityRow, all: readonly Prepared[]): Promise<Found> {
  const { db } = call.store;
  const asked = all.map(({ input }) => input.entityId);
  const spelled = await spellingsOf(db, authority.id, asked);
  const alike = asked.flatMap((id) => otherSpellings(spelled, id).map(({ entityId }) => entityId));
  const rows = await readByList([...new Set([...asked, ...alike])], (ids) =>
    db
      .select()
      .from(member)
      .where(and(eq(member.authorityId, authority.id), inLot(member.entityId, ids))),
  );
  await barRevoked(
    call,
    rows.filter(({ state }) => RETURN_BY_DECISION.includes(state)).map(({ id }) => id),
  );
  const bars = await barredAmong(
    db,
    authority.id,
    rows.map(({ entityId }) => entityId),
  );
  const halted = await readByList(asked, (ids) =>
    db
      .select({ entityId: authorityTable.entityId, slug: authorityTable.slug, state: authorityTable.state })
      .from(authorityTable)
      .where(and(inLot(authorityTable.entityId, ids), ne(authorityTable.state, 'active'))),
  );
  let issuer: Promise<Issuer> | undefined;
  return {
    authority,
    spelled,
    bars: new Map(bars.map((one) => [one.entityId, one])),
    formerKeys: await formerKeysOf(
      db,
      authority.id,
      bars.map(({ memberId }) => memberId),
    ),
    inVain: await appliedInVain(
      db,
      authority.id,
      rows.filter(({ id, state }) => state === 'archived' && !bars.some(({ memberId }) => memberId === id)).map(({ id }) => id),
    ),
    former: new Map(rows.map((row) => [row.entityId, row])),
    organizationsKnown: await namesKnown(
      call,
      authority.id,
      all.map(({ input }) => input.organization),
    ),
    keys: await keysKnown(
      db,
      authority,
      all.map(({ keys }) => keys.jwks),
    ),
    roomNow: await roomIn(db, authority, call.now()),
    policy: await publishedPolicy(db, authority.id),
    bundles: await bundlesOf(db, authority.id),
    halted: new Map(halted.map((one) => [one.entityId, one])),
    issuer: () => {
      issuer ??= issuerOf(call, authority);
      return issuer;
    },
    places: freePlacesFor(db, authority.id, all.length),
  };
}

/** Of what was found that of some of those it was found for. */
async function groundFrom(call: Call, found: Found, those: readonly Prepared[], since: number, haltedSince: number | undefined): Promise<Ground> {
  const { authority, spelled, roomNow, keys } = found;
  const { db } = call.store;
  const returning = those.flatMap(({ input: { entityId, readmit } }) => [
    ...(readmit === undefined ? [] : [entityId]),
    ...otherSpellings(spelled, entityId).map((other) => other.entityId),
  ]);
  return {
    ...found,
    spellings: new Map(those.map(({ input }) => [spellingOf(input.entityId), spelled.get(spellingOf(input.entityId)) ?? []])),
    organizations: organizationsFrom(call, authority.id, found.organizationsKnown),
    sound: await whileNoneHaltedSince(keys, authority.id, ...those.map((one) => one.keys.jwks)),
    shared: await sharedAmong(
      keys,
      authority,
      those.map((one) => ({ entityId: one.input.entityId, jwks: one.keys.jwks })),
    ),
    vouching: [],
    room: roomNow && { ...roomNow },
    haltedMeanwhile: async () => haltedSince !== undefined && (await keyCutSince(call, authority.id, those, since, haltedSince)),
    revokedMeanwhile: await revokedSince(db, authority.id, since, returning),
    approver: may(call, 'approve', authority.slug) && authority.quorum < 2,
    readmits: may(call, 'approve', authority.slug),
  };
}

/**
 * @param since the number of the authority's last event when they were asked for
 * @param haltedSince that of the deployment; left out where nothing is waived
 */
export const groundOf = async (call: Call, authority: AuthorityRow, all: readonly Prepared[], since: number, haltedSince?: number): Promise<Ground> =>
  groundFrom(call, await foundFor(call, authority, all), all, since, haltedSince);

/** An enrolment as it was asked for. */
export interface Asked {
  readonly prepared: Prepared;
  readonly since: number;
  readonly haltedSince: number;
  /** What the caller was let in with. */
  readonly as: string;
}

/** Enrolments that share a transaction find together what they are decided on. */
export const ENROLMENT = kindOf<Asked>('enrolment');

/** What all that share a transaction are decided on. */
export async function foundTogether(call: Call, slug: string, together: Together): Promise<Found> {
  const authority = await together.once('authority', () => findAuthority(call.store.db, slug));
  return together.once('ground', () =>
    foundFor(
      call,
      authority,
      ENROLMENT.of(together).map(({ prepared }) => prepared),
    ),
  );
}

/** As `groundOf` for one of several. One whose row cannot be read keeps none of the others. */
export async function groundTogether(call: Call, slug: string, { prepared, since, haltedSince }: Asked, together: Together): Promise<Ground> {
  const authority = await together.once('authority', () => findAuthority(call.store.db, slug));
  const found = await foundTogether(call, slug, together).catch(() => foundFor(call, authority, [prepared]));
  return groundFrom(call, found, [prepared], since, haltedSince);
}

/** Of enrolments of which nobody was here before: what was cut since they were asked for is about none of them. */
export const groundOfNew = (call: Call, found: Found, those: readonly Prepared[]): Promise<Ground> => groundFrom(call, found, those, 0, undefined);

async function keyCutSince({ store: { db } }: Call, authorityId: string, all: readonly Prepared[], since: number, haltedSince: number): Promise<boolean> {
  const thumbprints = (await Promise.all(all.map(({ keys }) => thumbprintsOf(keys.jwks)))).flat();
  return (await wasCutSince(db, authorityId, since, thumbprints)) || (await wasCutSince(db, DEPLOYMENT, haltedSince, thumbprints));
}
