import { forgetJobs } from '../store/forget-jobs.js';
import { and, eq, lt } from 'drizzle-orm';
import { forgetEnded } from '../store/registering.js';
import { sweepProposals } from '../store/proposals.js';
import { lapsedBefore } from './deciding/proposal-end.js';
import { dropStatuses } from '../store/mark-rows.js';
import { forgetKeptLists, forgetStatusEntries, LISTS_KEPT } from '../store/status-lists.js';
import { rest } from '../store/piece-by-piece.js';
import { unconfirmed } from '../store/standing.js';
import { authority, idempotency, job, trustMark, usedAssertion } from '../store/schema.js';
import { lapseAgents } from './agents/lapse-agents.js';
import { lapseMembers } from './accreditations/lapse-members.js';
import { remind } from './accreditations/remind.js';
import { makeCheckpoints } from './audit/make-checkpoints.js';
import { rotateBySchedule } from './keys/rotate.js';
import { type Deployment, systemCall } from './call.js';
import { expectTrustedClock } from './clock/trusted-clock.js';
import { signDueStatuses } from './marks/cut-marks.js';
import { passEndedPlaces } from './marks/pass-places.js';
import { KEPT_AFTER_END } from './marks/issue-mark.js';
import { endIdleImports } from './jobs/end-import.js';
import { reachOf } from './jobs/jobs.js';
import { type Resigning, staleArtefacts } from './jobs/stale.js';
import { consequencesOf } from './facts.js';
import { moveCertifiedEnds } from './members/certified-ends.js';
import { indexMembers } from './members/index-members.js';
import { fairLots, lotByLot } from './fair-lots.js';
import { othersTurn } from './others-turn.js';
import { impactRuns } from './policies/policy-impact.js';
import { restoreWaiting } from './members/restore-members.js';
import { purgeEvidence } from './evidence/purge-evidence.js';
import { restateEntitled } from './entitlements/restate.js';
import { retellMembers } from './members/retell.js';
import { dueSlice, makeDue, noteAnew, noteLost } from './artefacts/make-due.js';
import { renewSlice, SLICE, type TellUnsigned } from './artefacts/renew.js';
import { signHeads } from './restore/signed-head.js';
import { signDueLists } from './status/sign-lists.js';
import { fillStatusPlaces } from './status/fill-places.js';
import { forgetWishes } from './resolving/wishes.js';

/** The bundle whose change a re-signing is about. */
const bundleIn = ({ bundle }: Readonly<Record<string, unknown>>): string | undefined => (typeof bundle === 'string' ? bundle : undefined);

/**
 * Bring the progress of re-signing jobs up to date; a job is done when no artefact is older than its generation.
 * @returns those that are not done, but for those of bundles
 */
export async function trackJobs(deployment: Deployment): Promise<readonly Resigning[]> {
  const { db } = deployment.store;
  const running: Resigning[] = [];
  for (const { row } of await db
    .select({ row: job })
    .from(job)
    .innerJoin(authority, eq(authority.id, job.authorityId))
    .where(and(eq(job.kind, 'resign'), eq(job.state, 'running'), eq(authority.state, 'active')))) {
    const { authorityId, params } = row;
    const [generation, reach, bundle] = [Number(params['generation']), reachOf(params['reach']), bundleIn(params)];
    const left = await staleArtefacts(deployment, authorityId, generation, reach, bundle);
    if (left > 0 && bundle === undefined) running.push({ authorityId, generation, reach });
    // A cut waited for no count: its total is known from now on.
    const total = Math.max(row.total, left);
    const done = total - left;
    await deployment.store.write([
      db
        .update(job)
        .set({ total, done, state: left === 0 ? 'done' : 'running', updatedAt: deployment.now() })
        .where(eq(job.id, row.id)),
      // Every statement is the new one now: what was evaluated from the old ones is evaluated again.
      ...(left === 0 ? consequencesOf(authorityId, { fact: 'all statements changed' }, deployment.now(), deployment.dueAtOnce) : []),
      // Whoever copied a statement before its slice came has to see it change once more.
      ...(left === 0 ? [db.update(authority).set({ statementsChangedAt: deployment.now() }).where(eq(authority.id, authorityId))] : []),
    ]);
  }
  return running;
}

/** Drop what has served its time: spent assertions, old jobs, idempotency records, marks that ended long ago with their answers, and what opened registrations. */
export async function purge(deployment: Deployment): Promise<void> {
  const { store, now } = deployment;
  const { db } = store;
  const longEnded = now() - KEPT_AFTER_END;
  await store.write([
    db.delete(usedAssertion).where(lt(usedAssertion.exp, now() - 120)),
    db.delete(idempotency).where(lt(idempotency.expiresAt, now())),
    dropStatuses(longEnded),
    db.delete(trustMark).where(lt(trustMark.exp, longEnded)),
    sweepProposals(db, lapsedBefore(deployment), now()),
    ...forgetWishes(now()),
    forgetKeptLists(db, now() - LISTS_KEPT),
    ...forgetStatusEntries(now() - LISTS_KEPT),
    ...forgetJobs(now()),
    ...forgetEnded(now()),
  ]);
  await endIdleImports(deployment);
}

/**
 * Keys by schedule, for every authority. Gives what was done.
 * @throws the first error, after every authority had its turn
 */
export async function rotateAll(deployment: Deployment): Promise<readonly string[]> {
  const call = systemCall(deployment);
  const rotated: string[] = [];
  const errors: unknown[] = [];
  for (const row of await deployment.store.db.select().from(authority).where(eq(authority.state, 'active'))) {
    const done = await rotateBySchedule(call, row).catch((error: unknown) => {
      errors.push(error);
      return [];
    });
    rotated.push(...done.map((what) => `${row.slug} ${what}`));
  }
  if (errors.length) throw errors[0];
  return rotated;
}

export interface Turn {
  /** Artefacts that were signed anew. */
  readonly renewed: number;
  /** What happened to keys, by schedule. */
  readonly rotated: readonly string[];
}

export interface TurnOptions {
  /** False stops the work between two slices: the process is going down. */
  readonly more: () => boolean;
  /**
   * Slices that are worked off at most, where an invocation has a bounded number of queries: so many of what goes before the renewal, and so many of
   * that and what comes after. A look that finds nothing to do is none.
   */
  readonly slices?: number;
  /** Artefacts a slice signs. */
  readonly slice?: number;
  readonly tell?: TellUnsigned;
}

/** The progress of a job is brought up to date again after so many times as long as that took. */
const TRACKING_SHARE = 10;

/** Rows of a lot of what is noted about every member, and of how many a turn takes at most: less than half of what a tick on Workers does (platform/worker.ts). */
const NOTED = { most: 250, share: 8 * 250 };
/** Members that one commit suspends or ends. */
const LAPSING = 100;
const REMINDING = 200;
/** Each is a file as well. */
const PURGING = 50;

/**
 * One turn of the background work that needs no network: keys by schedule, members that come back after a halt, artefacts
 * due for renewal, answers about withdrawn marks. What cannot be done now is left for the next turn; one kind of work that fails does not hold up the others.
 * @throws the first error, after everything had its turn; at once while the clock is not trusted
 */
export async function backgroundTurn(
  deployment: Deployment,
  { more, slices: most = Number.POSITIVE_INFINITY, slice = SLICE, tell }: TurnOptions,
): Promise<Turn> {
  // Nothing is signed before a person has confirmed a restored history, and nothing of it is taken away meanwhile.
  if (await unconfirmed(deployment.store.db)) return { renewed: 0, rotated: [] };
  await expectTrustedClock(deployment, { signing: false });
  let rotated: readonly string[] = [];
  let renewed = 0;
  const errors: unknown[] = [];
  const attempt = async (work: () => Promise<unknown>) => {
    if (more()) await work().catch((error: unknown) => errors.push(error));
    await othersTurn();
  };
  let left = most;
  const goesOn = () => left > 0 && more();
  const counted = async (work: Promise<number>) => {
    const done = await work;
    if (done > 0) left--;
    return done;
  };
  // Lot by lot, so that nobody who asks waits for long.
  const inLots = (rows: number, one: (size: number) => Promise<number>, share = Number.POSITIVE_INFINITY) =>
    attempt(() => lotByLot(deployment, { most: rows, more: (done) => done < share && goesOn() }, (size) => counted(one(size))));
  // Enrolments wait for it, so it waits for nothing; in shares, so that what is withheld does not wait for it either.
  await inLots(NOTED.most, (size) => indexMembers(deployment, size), NOTED.share);
  await inLots(NOTED.most, (size) => moveCertifiedEnds(deployment, size), NOTED.share);
  await inLots(NOTED.most, (size) => fillStatusPlaces(deployment, size), NOTED.share);
  await attempt(() => retellMembers(deployment));
  await attempt(() => restateEntitled(deployment));
  await attempt(async () => {
    rotated = await rotateAll(deployment);
  });
  await attempt(() => signDueLists(deployment));
  await attempt(() => restoreWaiting(systemCall(deployment), () => goesOn() && left-- > 0));
  await inLots(LAPSING, (size) => lapseMembers(deployment, size));
  await inLots(LAPSING, (size) => lapseAgents(deployment, size));
  await inLots(REMINDING, (size) => remind(deployment, size));
  await inLots(slice, (size) => passEndedPlaces(deployment, size));
  left = most;
  const failed = (error: unknown) => void (errors.length === 0 && errors.push(error));
  await noteAnew(deployment).catch(failed);
  await attempt(async () => {
    let tracked = 0;
    const lots = fairLots(deployment, { most: slice, always: true });
    const due = fairLots(deployment, { most: dueSlice(deployment), always: true });
    let signs = true;
    const noneSigned = (error: unknown) => {
      signs = false;
      failed(error);
      return 0;
    };
    for (let begun = false, written = 0, taken = 0; (!begun || taken > 0 || written > 0) && goesOn(); renewed += taken) {
      begun = true;
      // What a change of everything left to write goes beside what is signed because of it.
      written = await makeDue(deployment, { lots: due, more, failed });
      // They last for minutes, which is less than this may take, and without them nobody is known to be in force.
      await attempt(() => signDueLists(deployment));
      // With a custody that is away what is due is written all the same.
      taken = signs ? await lots.carry(() => renewSlice(deployment, lots.size(), tell)).catch(noneSigned) : 0;
      if (taken + written > 0) left--;
      const signed = performance.now();
      // How much is left is counted, row by row: it takes a tenth of the time at most, however much that is. The last look is below.
      if (taken && signed >= tracked) {
        await trackJobs(deployment);
        tracked = signed + TRACKING_SHARE * (performance.now() - signed);
        await rest(signed);
      }
    }
  });
  // However much there is to sign.
  left = Math.max(left, Math.ceil(most / 4));
  await inLots(slice, (size) => signDueStatuses(deployment, size));
  await attempt(async () => {
    // What members declare is strangers' too.
    while (
      more() &&
      (await impactRuns(deployment)) &&
      (await deployment.turns.claim(deployment, 'impact')) &&
      (await deployment.explorer.ask('impact', {})) > 0
    );
  });
  await attempt(() => makeCheckpoints(deployment));
  await attempt(() => signHeads(deployment));
  await attempt(async () => {
    for (const one of await trackJobs(deployment)) await noteLost(deployment, one);
  });
  await inLots(PURGING, (size) => purgeEvidence(deployment, size));
  await attempt(() => purge(deployment));
  if (errors.length) throw errors[0];
  return { renewed, rotated };
}
