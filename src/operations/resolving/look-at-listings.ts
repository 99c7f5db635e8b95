import { and, eq } from 'drizzle-orm';
import type { Finding } from '../../federation/entry.js';
import { askedBy, withinBudget } from '../../outbound/budget.js';
import { createBudget } from '../../outbound/evaluation-budget.js';
import { standing } from '../../store/agent-authorities.js';
import type { Statement } from '../../store/database.js';
import { listingsDueNow, type Whose } from '../../store/due-listings.js';
import { lineOf } from '../../store/lines.js';
import { type Change, localChange } from '../../store/local-listings.js';
import { authority, LINES, listedEntity, superiorListing } from '../../store/schema.js';
import { listingChanged, type SuperiorListing } from '../../store/superior-listings.js';
import type { Deployment } from '../call.js';
import { pieceByPiece } from '../../store/piece-by-piece.js';
import { anchorsOf } from './anchors.js';
import { shareOf } from './listed-share.js';
import { fetchListing, MAX_CRAWL_ENTITIES } from './read-listing.js';

/** A listing is looked at this often (seconds); one that cannot be read twice as seldom each time, this seldom at most. */
export const LISTING_EVERY = 5 * 60;
const FAILING_AT_MOST = 12 * 60 * 60;
/** What authorities of this deployment list is made due by each write to their members; this is for what ends by time. */
const LOCAL_EVERY = 24 * 60 * 60;
/** Listings looked at in a turn, of them on one host, and what they may cost together (bytes, milliseconds). */
const LISTINGS_PER_TURN = 32;
const PER_HOST = 4;
const BYTES_PER_TURN = 32 * 1024 * 1024;
const MS_PER_TURN = 20_000;
const AT_ONCE = 4;

/** Entities that a commit notes as listed. */
const NOTED_AT_ONCE = 500;

type Taken = SuperiorListing & { readonly before: Pick<SuperiorListing, 'dueAt' | 'failures'> };

/**
 * Look at the listings (OpenID Federation 1.0 §8.2) of superiors that are trusted, as far as they are due: with a conditional
 * request, or by the hash of what comes. A listing is nobody's statement: who is new there is evaluated, and who has gone is
 * evaluated anew at once; only an evaluation gives or takes an answer.
 * @returns how many were looked at
 * @throws the first error about a listing that could not be stored, after the others had their turn
 */
export async function lookAtListings(
  deployment: Deployment,
  { limit = LISTINGS_PER_TURN, whose }: { readonly limit?: number | undefined; readonly whose?: Whose | undefined } = {},
): Promise<number> {
  const due = await listingsDueNow(deployment.store.db, { now: deployment.now(), perHost: PER_HOST, limit: Math.min(limit, LISTINGS_PER_TURN), whose });
  const lookingAt = notBefore.get(deployment.store) ?? new Map<string, number>();
  notBefore.set(deployment.store, lookingAt);
  const mine = due.filter((one) => !((lookingAt.get(keyOf(one)) ?? 0) > performance.now()));
  if (mine.length === 0 || !(await deployment.turns.claim(deployment, 'discovery'))) return 0;
  for (const one of mine) lookingAt.set(keyOf(one), Number.POSITIVE_INFINITY);
  try {
    return await lookAt(deployment, mine, lookingAt);
  } finally {
    for (const one of mine) if (lookingAt.get(keyOf(one)) === Number.POSITIVE_INFINITY) lookingAt.delete(keyOf(one));
  }
}

/**
 * Those that are being looked at: one that is due again meanwhile is looked at afterwards; one that has many, after ten times as long
 * as that took (`performance.now()`).
 */
const notBefore = new WeakMap<Deployment['store'], Map<string, number>>();
const REST = 10;
const keyOf = ({ authorityId, entityId }: SuperiorListing): string => `${authorityId} ${entityId}`;

async function lookAt(deployment: Deployment, due: readonly SuperiorListing[], lookingAt: Map<string, number>): Promise<number> {
  const taken = await take(deployment, due);
  const budget = createBudget(undefined, { fetches: LISTINGS_PER_TURN, bytes: BYTES_PER_TURN, milliseconds: MS_PER_TURN, parallel: AT_ONCE });
  const door = { ...deployment, outbound: withinBudget(askedBy(deployment.outbound, budget), budget) };
  const errors: unknown[] = [];
  await Promise.all(taken.map((one) => look(door, one, lookingAt).catch((error: unknown) => errors.push(error))));
  if (errors.length) throw errors[0];
  return taken.length;
}

const distance = (failures: number): number => Math.min(FAILING_AT_MOST, LISTING_EVERY * 2 ** Math.min(failures, 10));

/** Each counts as failed until it has ended: one that stops whoever reads it is looked at seldom. */
async function take({ store, now }: Deployment, due: readonly SuperiorListing[]): Promise<readonly Taken[]> {
  const taken = due.map((one) => ({ ...one, failures: one.failures + 1, dueAt: now() + distance(one.failures + 1), before: one }));
  await store.write(taken.map((one) => set(store.db, one, one.before.dueAt, { failures: one.failures, dueAt: one.dueAt })));
  return taken;
}

/** Change a row that nobody has made due meanwhile. */
const set = (db: Deployment['store']['db'], { authorityId, entityId }: SuperiorListing, dueAt: number, values: Partial<SuperiorListing>): Statement =>
  db
    .update(superiorListing)
    .set(values)
    .where(and(eq(superiorListing.authorityId, authorityId), eq(superiorListing.entityId, entityId), eq(superiorListing.dueAt, dueAt)));

async function look(deployment: Deployment, one: Taken, lookingAt: Map<string, number>): Promise<void> {
  const { store } = deployment;
  const now = deployment.now();
  const dueIn = (every: number) => now + every + Math.floor((Math.random() * every) / 10);
  if (one.url === null) {
    const begun = performance.now();
    const change = await localChange(store.db, one, await lists(deployment, one.entityId), { now, most: MAX_CRAWL_ENTITIES });
    // An operator has made them members here: whoever comes alone stands before all others above, too.
    await note(deployment, one, change, { line: lineOf(change.come.length), looked: { dueAt: dueIn(LOCAL_EVERY) } });
    if (change.many) lookingAt.set(keyOf(one), performance.now() + REST * (performance.now() - begun));
    return;
  }
  const result = await fetchListing(deployment, one.url, { etag: one.etag, sha256: one.sha256 });
  if (!result.ok) {
    // What was not asked for lack of means has not failed.
    const spent = result.findings.some(({ code }) => code === 'budget_exceeded');
    const values = spent ? { dueAt: now, failures: one.before.failures } : { checkedAt: now, problem: problemOf(result.findings) };
    return store.write([set(store.db, one, one.dueAt, values)]);
  }
  const { ids, etag, sha256 } = result.value;
  const looked = { etag, sha256, dueAt: dueIn(LISTING_EVERY) };
  if (!ids) return note(deployment, one, { come: [], gone: [] }, { line: LINES.found, looked });
  const { taken, finding } = await shareTaken(deployment, one, ids);
  const before = new Set(
    (
      await store.db
        .select({ id: listedEntity.entityId })
        .from(listedEntity)
        .where(and(eq(listedEntity.authorityId, one.authorityId), eq(listedEntity.superior, one.entityId)))
    ).map(({ id }) => id),
  );
  const listed = new Set(taken);
  const change = { come: taken.filter((id) => !before.has(id)), gone: [...before].filter((id) => !listed.has(id)) };
  return note(deployment, one, change, { line: LINES.found, looked: { ...looked, problem: finding ? problemOf([finding]) : null } });
}

interface Noted {
  /** Where those stand that nobody knew. */
  readonly line: number;
  readonly looked: Partial<SuperiorListing>;
}

/** It was looked at, and this has changed. */
async function note({ store, now }: Deployment, one: Taken, change: Change, { line, looked }: Noted): Promise<void> {
  const changed = change.come.length + change.gone.length > 0;
  const values = { failures: 0, problem: null, checkedAt: now(), ...looked, ...(changed && { changedAt: now() }) };
  const changing = (some: Change) => listingChanged(one, some, { now: now(), most: MAX_CRAWL_ENTITIES, line });
  // Who has gone comes first; of many that have come each piece by itself, the last one with the row.
  const last = change.come.slice(-NOTED_AT_ONCE);
  const before = change.come.slice(0, -NOTED_AT_ONCE);
  if (before.length) await store.write(changing({ come: [], gone: change.gone }));
  await pieceByPiece(before, NOTED_AT_ONCE, (come) => store.write(changing({ come, gone: [] })));
  await store.write([
    ...(changed ? changing({ come: last, gone: before.length ? [] : change.gone }) : []),
    // Only the row as it was found: a look that was overtaken leaves it due.
    set(store.db, one, one.dueAt, values),
  ]);
}

const problemOf = ([first]: readonly Finding[]): string | null => (first ? `${first.code}: ${first.detail}`.slice(0, 500) : null);

/** The authority of this deployment that lists its members now. */
async function lists(deployment: Deployment, entityId: string): Promise<string | undefined> {
  const [own] = await deployment.store.db
    .select({ id: authority.id })
    .from(authority)
    .where(and(eq(authority.entityId, entityId), eq(authority.state, 'active'), eq(standing, 1)));
  return own?.id;
}

/** Of an anchor everything is taken: the operator has chosen it. */
async function shareTaken(deployment: Deployment, { authorityId, entityId }: SuperiorListing, ids: readonly string[]) {
  const [row] = await deployment.store.db.select().from(authority).where(eq(authority.id, authorityId)).limit(1);
  const chosen = row !== undefined && Object.hasOwn(await anchorsOf(deployment, row), entityId);
  return chosen ? { taken: ids, finding: undefined } : { finding: undefined, ...shareOf(entityId, ids) };
}
