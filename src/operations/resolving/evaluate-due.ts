import type { Result } from '../../federation/entry.js';
import { hostOf } from '../../outbound/budget.js';
import type { Reply } from '../../outbound/outbound.js';
import type { Statement } from '../../store/database.js';
import { keyOf } from '../../store/evaluation-leases.js';
import { unconfirmed } from '../../store/standing.js';
import { type Issuer, issuerOf } from '../artefacts/publish.js';
import type { Deployment } from '../call.js';
import { expectTrustedClock } from '../clock/trusted-clock.js';
import { watchMember } from '../members/watch-members.js';
import { Refusal } from '../refusal.js';
import { anchorsOf } from './anchors.js';
import { whileOthersAreAsked } from './away.js';
import { evaluateNow, type Reading, superiorsOf } from './evaluate-entities.js';
import { createEvaluating, type Evaluating } from './evaluating.js';
import { type Next, nextEntities, type Wanted } from './next-entities.js';
import { type How, IN_ORDER, type Place, type Places } from './places.js';
import { type Evaluated, LEASE_SECONDS, storeEvaluation } from './store-evaluation.js';
import { AGAIN_AFTER_ERROR, putBack, setAside, sortOut, STEP_MS } from './take-entities.js';

/** An evaluation that takes longer is a slow one (milliseconds). */
const SLOW_MS = 5000;
/** How often it is looked who is due while others are waited for (milliseconds). */
const LOOK_MS = 250;
const LOOK_AT_ALL_MS = 1000;
/** Where more wait: so that those that are many, and dead, do not take a whole processor (milliseconds). */
const LOOK_AGAIN_MS = 50;
/** Of the time of whoever evaluates, looking who is due takes a fifth at most: the next look is so many times later than one has taken. */
const LOOK_REST = 4;
const TOGETHER_MS = 10;
/** Begun at a time (all lines together have room for fewer). */
const AT_A_TIME = 1000;

export interface DueOptions {
  /** Entities taken on at most. */
  readonly limit?: number | undefined;
  /** Told of every entity that is set aside: it has stopped whoever evaluated it. */
  readonly onSetAside?: ((entityId: string) => void) | undefined;
  /** Where others read beside it, that somebody may be alone. */
  readonly places?: Places | undefined;
}

/**
 * Evaluate entities that are due, members and others alike, and store what was found: a snapshot per anchor, signed
 * answers for valid ones. Each line has places of its own (places.ts), so that none waits for another. Rows are leased, so
 * several processes seldom evaluate the same ones. Whoever has stopped an evaluation before is evaluated alone (take-entities.ts).
 * @returns how many were taken; 0 means nothing is due
 * @throws the first error about an entity that could not be stored, after the others had their turn
 */
export async function evaluateDue(deployment: Deployment, { limit = 64, onSetAside }: DueOptions = {}): Promise<number> {
  const state = createEvaluating();
  const until = performance.now() + STEP_MS;
  let taken = 0;
  for (;;) {
    const goesOn = taken < limit && (taken === 0 || performance.now() < until);
    const begun = goesOn ? await beginDue(deployment, state, { lines: IN_ORDER, most: limit - taken, careful: true, onSetAside }) : NOTHING;
    taken += begun.taken;
    if (begun.taken === 0 && !begun.moved && state.running.size === 0) break;
    if (state.running.size > 0) await state.rest(LOOK_MS);
  }
  await state.write(deployment, true);
  if (state.errors.length) throw state.errors[0];
  return taken;
}

interface Begun {
  readonly taken: number;
  readonly moved: boolean;
}
const NOTHING: Begun = { taken: 0, moved: false };
type Beginning = Wanted & Pick<DueOptions, 'onSetAside'>;

/**
 * Begin with those who are next, as far as there is room; nobody is waited for.
 * @returns how many were taken; `moved`: some were told to wait for their hosts
 */
export async function beginDue(deployment: Deployment, state: Evaluating, wanted: Beginning): Promise<Begun> {
  const { next, moved } = await nextEntities(deployment, state, wanted);
  if (next.length === 0) return { taken: 0, moved };
  let left = next;
  try {
    if (!(await deployment.turns.claim(deployment, 'discovery'))) return NOTHING;
    for (const row of new Map(next.map((one) => [one.row.id, one.row])).values()) {
      const own = next.filter((one) => one.row.id === row.id);
      await beginUnder(deployment, state, own, wanted).catch((error: unknown) => {
        state.errors.push(error);
        for (const one of own) leave(deployment, state, one);
      });
      left = left.filter((one) => !own.includes(one));
    }
    return { taken: next.length, moved };
  } finally {
    for (const one of left) leave(deployment, state, one);
  }
}

export interface GoingOn extends Pick<DueOptions, 'onSetAside'> {
  more(): boolean;
  /** Awaited before it is looked who is due: it may bring somebody, and asks nobody. */
  before(): Promise<unknown>;
  /** Whoever read strangers before ended over it, a moment ago. */
  careful(): boolean;
  /** Told of what went wrong, and of how many were taken since it was told last. */
  failed(error: unknown): void;
  taken(count: number): void;
}

/**
 * Evaluate whoever is due for as long as there is more to do. Who is new is looked for several times a second, and at once when
 * somebody has woken `state`; the others once a second, and whenever there is room for some of whom it is known that they wait.
 */
export async function evaluateOnward(deployment: Deployment, state: Evaluating, { more, before, careful, failed, taken, onSetAside }: GoingOn): Promise<void> {
  let lookedAt = Number.NEGATIVE_INFINITY;
  let waiting = false;
  let looking = 0;
  let confirmed = false;
  while (more()) {
    const now = performance.now();
    const all: boolean = now - lookedAt >= nextLook(waiting, state.running.size, looking);
    if (all) lookedAt = now;
    try {
      await expectTrustedClock(deployment, { signing: false });
      // What is found could not be signed before a restored history is confirmed.
      if (all) confirmed = !(await unconfirmed(deployment.store.db));
      if (confirmed) await before().catch(failed);
      const begun: Begun = !confirmed
        ? NOTHING
        : await beginDue(deployment, state, { lines: all ? IN_ORDER : ['changed'], most: AT_A_TIME, careful: careful(), onSetAside });
      if (begun.taken) taken(begun.taken);
      if (all) waiting = begun.taken > 0 || begun.moved;
      if (all) looking = performance.now() - now;
      await state.write(deployment, false);
    } catch (error) {
      failed(error);
      await state.rest(LOOK_AT_ALL_MS);
    }
    for (const error of state.errors.splice(0)) failed(error);
    // What happens in the same moment is looked at together.
    await new Promise((done) => setTimeout(done, TOGETHER_MS));
    await state.rest(waiting ? LOOK_AGAIN_MS : LOOK_MS);
  }
  // Whoever has not answered yet has cost nothing, and is asked again.
  state.stopped = true;
  while (state.places.taken > 0) await state.rest(LOOK_MS);
  await state.write(deployment, true);
}

/** Milliseconds from one look at all who are due to the next. @param looking how long the last one took */
function nextLook(waiting: boolean, running: number, looking: number): number {
  const every = waiting ? LOOK_AGAIN_MS : running > 0 ? LOOK_MS : LOOK_AT_ALL_MS;
  return Math.min(LOOK_AT_ALL_MS, Math.max(every, looking * LOOK_REST));
}

/** It was not asked after all. */
function leave({ now }: Deployment, { busy, hosts }: Evaluating, one: Next): void {
  busy.delete(keyOf(one.known));
  hosts.end(hostOf(one.known.entityId), one.reason, now(), undefined, 0);
}

/** Begin with these, which one authority knows. */
async function beginUnder(deployment: Deployment, state: Evaluating, own: readonly Next[], { careful, onSetAside }: Beginning): Promise<void> {
  const [first] = own;
  if (!first) return;
  const [anchors, issuer] = [await anchorsOf(deployment, first.row), await issuerOf(deployment, first.row).catch(expected)];
  const known = own.map((one) => one.known);
  const { alone, stopped } = sortOut(known, deployment.now());
  // It cannot sign now.
  if (!issuer) await putBack(deployment, known, LEASE_SECONDS);
  else for (const one of stopped) if (await setAside(deployment, first.row, one)) onSetAside?.(one.entityId);
  for (const one of own) {
    if (!issuer || stopped.includes(one.known)) {
      leave(deployment, state, one);
      continue;
    }
    const how = alone.includes(one.known) ? 'alone' : 'together';
    const run = evaluateInTurn(deployment, state, one, { issuer, anchors, how, careful }).finally(() => {
      state.running.delete(run);
      state.wake();
    });
    state.running.add(run);
  }
}

interface InTurn {
  readonly issuer: Issuer;
  readonly anchors: Awaited<ReturnType<typeof anchorsOf>>;
  readonly how: How;
  readonly careful: boolean;
}

/**
 * Evaluate one, and store what was found. It has its place, and its lease, before anything is read that somebody else wrote.
 * Where nobody answers nothing is read: such a one takes nobody's place, and what there is to note of it is written with others.
 */
async function evaluateInTurn(deployment: Deployment, state: Evaluating, next: Next, { issuer, anchors, how, careful }: InTurn): Promise<void> {
  const { line, known, row } = next;
  const host = hostOf(known.entityId);
  let taken = known;
  let waited = 0;
  let place: Place | undefined;
  let opening: Promise<void> | undefined;
  let answered: boolean | undefined;
  let took = 0;
  const open = async (): Promise<void> => {
    const begun = performance.now();
    place = await state.places.enter(line, how);
    if (state.stopped) {
      place.leave();
      await new Promise(() => {});
    }
    taken = await state.lease(deployment, known, how);
    waited += performance.now() - begun;
  };
  const away = whileOthersAreAsked(() => place);
  const reading: Reading = {
    opened: () => (opening ??= open()),
    waited: () => waited,
    asks: away.asks,
    async came() {
      waited += await away.came();
    },
    heard(url, reply, milliseconds) {
      if (answered !== undefined || hostOf(url) !== host) return;
      answered = hasAnswered(reply);
      took = milliseconds / 1000;
    },
    ahead: line === 'changed',
  };
  let unwritten = false;
  try {
    if (careful || how === 'alone') await reading.opened();
    const begun = performance.now();
    const before = waited;
    const evaluated = await evaluateNow(deployment, row, known.entityId, anchors, superiorsOf(issuer, known), reading);
    const slow = performance.now() - begun - (waited - before) > SLOW_MS;
    if (evaluated.evaluation.configuration) await reading.opened();
    if (opening) await store(deployment, issuer, taken, known.source, { ...evaluated, slow });
    else {
      state.later({ known, statements: await statementsOf(deployment, issuer, known, evaluated) });
      unwritten = true;
    }
  } catch (error) {
    state.errors.push(error);
    await putBack(deployment, [taken], AGAIN_AFTER_ERROR).catch((again: unknown) => state.errors.push(again));
  } finally {
    away.over();
    place?.leave();
    if (!unwritten) state.busy.delete(keyOf(known));
    state.hosts.end(host, next.reason, deployment.now(), answered, took);
  }
}

async function store(deployment: Deployment, issuer: Issuer, taken: Next['known'], source: Next['known']['source'], evaluated: Evaluated): Promise<void> {
  if ((await storeEvaluation(deployment, issuer, taken, evaluated)) && source === 'member')
    await watchMember(deployment, issuer.authority, taken.entityId, evaluated);
}

/** What storing it would write. */
async function statementsOf(deployment: Deployment, issuer: Issuer, known: Next['known'], evaluated: Evaluated): Promise<readonly Statement[]> {
  const statements: Statement[] = [];
  const write = async (some: readonly Statement[]) => void statements.push(...some);
  await store({ ...deployment, store: { ...deployment.store, write } }, issuer, known, known.source, evaluated);
  return statements;
}

/** Whether the host is there, by what came of asking; undefined: it was not asked. */
function hasAnswered(reply: Result<Reply>): boolean | undefined {
  if (reply.ok) return true;
  const [finding] = reply.findings;
  if (finding?.code === 'budget_exceeded' || finding?.code === 'fetch_refused') return undefined;
  return !(finding?.code === 'fetch_failed' && finding.transient === true);
}

const expected = (error: unknown): undefined => {
  if (error instanceof Refusal) return undefined;
  throw error;
};
