import { and, eq } from 'drizzle-orm';
import { finding } from '../../federation/entry.js';
import { MAX_PARALLEL } from '../../outbound/evaluation-budget.js';
import { PARALLEL_PER_PROCESS } from '../../outbound/limits.js';
import { ALONE, ASIDE, TOGETHER, endAllLeases, giveBack, knowUnknown, leaseAlone, leaseTogether, putAside } from '../../store/evaluation-leases.js';
import { inLot, readByList } from '../../store/lots.js';
import { type KnownEntity, newlyKnown } from '../../store/known-entities.js';
import { knownEntity, snapshot } from '../../store/schema.js';
import { dropAllLinks, dropAnswers, putSnapshots } from '../../store/snapshots.js';
import { anchorsOf } from './anchors.js';
import type { Deployment } from '../call.js';
import { inPlace, type Places } from './places.js';
import type { AuthorityRow } from '../registry.js';
import { LEASE_SECONDS } from './store-evaluation.js';

/**
 * Evaluating an entity may end whoever does it: a thread that hangs or runs out of memory, an invocation that is cut off.
 * Nothing is noted then, so what has to be known is noted before: the lease is taken, with one attempt more, and how the
 * entity was taken is the distance from `lease_until` to `due_at`. A result takes the lease back; a lease that ran out
 * without one says that the evaluation never ended. Whoever was evaluated together with others is then evaluated alone, so
 * that one stranger's graph is not held against the others; whoever does not come back alone is set aside.
 */
/** How long an entity is set aside (seconds): a day, twice as long each time it stops its evaluation again, a week at most. */
const ASIDE_AT_FIRST = 24 * 60 * 60;
const ASIDE_AT_MOST = 7 * ASIDE_AT_FIRST;

export interface Takings {
  /** Nothing speaks against evaluating these beside others. */
  readonly together: readonly KnownEntity[];
  /** The last evaluation of each of these never ended. */
  readonly alone: readonly KnownEntity[];
  /** These did not come back though they were alone. */
  readonly stopped: readonly KnownEntity[];
  /** Set aside, and not due yet. */
  readonly resting: readonly KnownEntity[];
}

/** How each of these is to be evaluated, by how its last evaluation ended. */
export function sortOut(known: readonly KnownEntity[], now: number): Takings {
  const of = (wanted: keyof Takings) => known.filter((one) => kindOf(one, now) === wanted);
  return { together: of('together'), alone: of('alone'), stopped: of('stopped'), resting: of('resting') };
}

function kindOf({ leaseUntil, dueAt }: KnownEntity, now: number): keyof Takings {
  if (leaseUntil > now) return dueAt - leaseUntil === ASIDE ? 'resting' : 'together';
  if (leaseUntil === 0) return 'together';
  return dueAt - leaseUntil === ALONE ? 'stopped' : 'alone';
}

/** Take these before they are evaluated; what is given back is what `storeEvaluation` wants. */
export async function take({ store, now }: Deployment, known: readonly KnownEntity[], how: 'together' | 'alone'): Promise<readonly KnownEntity[]> {
  const leaseUntil = now() + LEASE_SECONDS;
  await store.write([how === 'alone' ? leaseAlone(known, leaseUntil) : leaseTogether(known, leaseUntil)]);
  const dueAt = leaseUntil + (how === 'alone' ? ALONE : TOGETHER);
  return known.map((one) => ({ ...one, leaseUntil, dueAt }));
}

/** An entity whose evaluation could not be stored is due again after this (seconds). */
export const AGAIN_AFTER_ERROR = 5 * 60;
/** So many that none waits for the door because of what its neighbors ask for: that might end its evaluation. */
const STRANGERS_AT_ONCE = Math.floor(PARALLEL_PER_PROCESS / MAX_PARALLEL);
/** Begin with no further ones after this (milliseconds): how long one takes is the strangers' to say, and others wait. */
export const STEP_MS = 20_000;

/**
 * Evaluate these, a few at once, and at least the first ones; those there is no time for are left as they are.
 * @returns how many were taken
 */
export async function evaluateTogether(
  deployment: Deployment,
  known: readonly KnownEntity[],
  one: (taken: KnownEntity) => Promise<void>,
  places?: Places,
): Promise<number> {
  const until = performance.now() + STEP_MS;
  let taken = 0;
  while (taken < known.length && (taken === 0 || performance.now() < until)) {
    const lot = known.slice(taken, taken + STRANGERS_AT_ONCE);
    await inPlace(places, 'together', async () => Promise.all((await take(deployment, lot, 'together')).map(one)), 'crawl');
    taken += lot.length;
  }
  return taken;
}

/** Evaluate one that is alone. */
export const evaluateAlone = (deployment: Deployment, known: KnownEntity, one: (taken: KnownEntity) => Promise<void>, places?: Places): Promise<void> =>
  inPlace(
    places,
    'alone',
    async () => {
      for (const taken of await take(deployment, [known], 'alone')) await one(taken);
    },
    'crawl',
  );

/** Give these back without a result: something of ours failed. They are due again in `wait` seconds, unless a halt made them due meanwhile. */
export const putBack = ({ store, now }: Deployment, known: readonly KnownEntity[], wait: number): Promise<void> => store.write([giveBack(known, now() + wait)]);

/** Those that are being set aside: an evaluation and a crawl may find out about one at the same time. */
const under = new WeakMap<Deployment['store'], Set<string>>();

/**
 * An entity is not evaluated for a day or more: its answers are withheld, and the reason stands where its evaluation would.
 * @returns false: somebody else has seen to that
 */
export async function setAside(deployment: Deployment, authority: AuthorityRow, known: KnownEntity): Promise<boolean> {
  const { store } = deployment;
  const those = under.get(store) ?? new Set<string>();
  under.set(store, those);
  const key = `${known.authorityId} ${known.entityId}`;
  if (those.has(key)) return false;
  those.add(key);
  try {
    const [now] = await store.db
      .select({ leaseUntil: knownEntity.leaseUntil, dueAt: knownEntity.dueAt })
      .from(knownEntity)
      .where(and(eq(knownEntity.authorityId, known.authorityId), eq(knownEntity.entityId, known.entityId)));
    if (now?.leaseUntil !== known.leaseUntil || now.dueAt !== known.dueAt) return false;
    await putItAside(deployment, authority, known);
    return true;
  } finally {
    those.delete(key);
  }
}

async function putItAside(deployment: Deployment, authority: AuthorityRow, { entityId, attempts }: KnownEntity): Promise<void> {
  const { store } = deployment;
  const now = deployment.now();
  const wait = Math.min(ASIDE_AT_MOST, ASIDE_AT_FIRST * 2 ** Math.min(10, Math.max(0, attempts - 1)));
  const dueAt = now + wait;
  const detail = `evaluating it has stopped the process that does so; it is tried again in ${wait / ASIDE_AT_FIRST} day(s)`;
  const row = {
    authorityId: authority.id,
    subject: entityId,
    state: 'unreachable' as const,
    error: null,
    entityTypes: [],
    path: [],
    trustMarkTypes: [],
    findings: [finding('evaluation_stopped', entityId, detail, true)],
    exp: null,
    evaluatedAt: now,
    uiInfos: {},
  };
  const before = await store.db
    .select({ anchor: snapshot.trustAnchor })
    .from(snapshot)
    .where(and(eq(snapshot.authorityId, authority.id), eq(snapshot.subject, entityId)));
  const anchors = new Set([...Object.keys(await anchorsOf(deployment, authority)), ...before.map(({ anchor }) => anchor)]);
  await store.write([
    dropAnswers(authority.id, entityId),
    dropAllLinks(authority.id, entityId),
    putSnapshots([...anchors].map((trustAnchor) => ({ ...row, trustAnchor }))),
    putAside(authority.id, entityId, dueAt, now),
  ]);
}

/**
 * Whoever was evaluating has ended: its leases end now instead of running out.
 * @param blame false where the end had another reason: nobody is held to have been alone then
 */
export const endLeases = ({ store, now }: Deployment, blame: boolean): Promise<void> => store.write([endAllLeases(blame, now(), LEASE_SECONDS)]);

/** The rows of these entities, in their order; one nobody knew is known from then on. */
export async function knowEntities(
  { store, now }: Deployment,
  authorityId: string,
  entityIds: readonly string[],
  source: KnownEntity['source'],
): Promise<readonly KnownEntity[]> {
  const fresh = (entityId: string) => newlyKnown({ authorityId, entityId, source, dueAt: now(), leaseUntil: 0 });
  if (entityIds.length) await store.write([knowUnknown(entityIds.map(fresh))]);
  const rows = await readByList(entityIds, (ids) =>
    store.db
      .select()
      .from(knownEntity)
      .where(and(eq(knownEntity.authorityId, authorityId), inLot(knownEntity.entityId, ids))),
  );
  const byId = new Map(rows.map((one) => [one.entityId, one]));
  return entityIds.map((id) => byId.get(id) ?? fresh(id));
}
