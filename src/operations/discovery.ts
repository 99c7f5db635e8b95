import { unconfirmed } from '../store/standing.js';
import type { Deployment } from './call.js';
import { expectTrustedClock } from './clock/trusted-clock.js';
import { crawlSlice } from './resolving/crawl.js';
import { inPlace, type Places } from './resolving/places.js';
import { evaluateDue } from './resolving/evaluate-due.js';
import { lookAtListings } from './resolving/look-at-listings.js';
import { noteAllSuperiors } from './keys/note-superiors.js';
import { refreshOwnMarks } from './marks/own-marks.js';
import { takeWishes } from './resolving/wishes.js';

export interface Discovered {
  readonly evaluated: number;
  /** Entities that crawls looked at. */
  readonly crawled: number;
  /** Listings of superiors that were looked at. */
  readonly listings: number;
}

export interface DiscoveryOptions {
  /** False stops the work between two steps: the process is going down, or has used up its share. */
  readonly more: () => boolean;
  /** Entities a step takes on. */
  readonly step?: number;
  /** Steps of each kind of work. */
  readonly steps?: number;
  /**
   * False: beside these turns whoever is due is evaluated (resolving/evaluate-due.ts), what is near is looked at, and crawls go on
   * (`lookNear`, `crawlTurn`), so that none of these waits for strangers that another one has asked.
   */
  readonly alone?: boolean;
  /** Where what strangers send is read then. */
  readonly places?: Places;
  /** Told of every entity that is set aside because it stops whoever evaluates it. */
  readonly onSetAside?: (entityId: string) => void;
}

/** Steps of one kind of work in a turn, and how long new ones are begun (milliseconds): strangers decide how long one takes. */
const STEPS_PER_TURN = 16;
const STEPS_FOR_MS = 30_000;

/**
 * One turn of the work that asks the world: wishes, evaluations, marks of others. It runs beside the renewal, which must
 * never wait for a stranger's server. One kind of work that fails does not hold up the others.
 * @throws the first error, after everything had its turn; at once while the clock is not trusted
 */
export async function discoveryTurn(
  deployment: Deployment,
  { more, step, steps: most = STEPS_PER_TURN, alone = true, places, onSetAside }: DiscoveryOptions,
): Promise<Discovered> {
  // What is found could not be signed before a restored history is confirmed.
  if (await unconfirmed(deployment.store.db)) return { evaluated: 0, crawled: 0, listings: 0 };
  await expectTrustedClock(deployment, { signing: false });
  let evaluated = 0;
  let crawled = 0;
  let listings = 0;
  const errors: unknown[] = [];
  const attempt = async (work: () => Promise<unknown>) => {
    if (more()) await work().catch((error: unknown) => errors.push(error));
  };
  if (alone) await attempt(() => takeWishes(deployment));
  // Before the evaluations: whoever is new in a listing is evaluated in the same turn.
  await attempt(async () => {
    listings = await inPlace(places, 'together', () => lookAtListings(deployment, { limit: step, ...(!alone && { whose: 'others' as const }) }));
  });
  await attempt(async () => {
    if (alone) evaluated = await inSteps({ most, more }, () => evaluateDue(deployment, { limit: step, onSetAside }));
  });
  await attempt(() => inPlace(places, 'together', () => refreshOwnMarks(deployment)));
  await attempt(() => inPlace(places, 'together', () => noteAllSuperiors(deployment)));
  await attempt(async () => {
    if (alone) crawled = await inSteps({ most, more }, () => crawlSlice(deployment, { limit: step, onSetAside, places }));
  });
  if (errors.length) throw errors[0];
  return { evaluated, crawled, listings };
}

/** Some steps, then the others have their turn: a hundred thousand new members must not hold up a crawl for hours. */
async function inSteps({ most, more }: { readonly most: number; readonly more: () => boolean }, one: () => Promise<number>): Promise<number> {
  const until = performance.now() + STEPS_FOR_MS;
  let all = 0;
  for (let n = 0, taken = 1; n < most && taken > 0 && performance.now() < until && more(); n++, all += taken) taken = await one();
  return all;
}

/** What asks nobody, and may bring somebody who is new: wishes, and whom authorities of this deployment list. */
export async function lookNear(deployment: Deployment): Promise<void> {
  await takeWishes(deployment);
  await lookAtListings(deployment, { whose: 'ours' });
}

/** Crawls go on for a while. @returns how many entities were looked at @throws as a turn of discovery does */
export async function crawlTurn(
  deployment: Deployment,
  { more, places, onSetAside }: Pick<DiscoveryOptions, 'more' | 'places' | 'onSetAside'>,
): Promise<number> {
  if (await unconfirmed(deployment.store.db)) return 0;
  await expectTrustedClock(deployment, { signing: false });
  return inSteps({ most: STEPS_PER_TURN, more }, () => crawlSlice(deployment, { onSetAside, places }));
}
