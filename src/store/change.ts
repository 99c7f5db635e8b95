import { type ChainTurns, chainTurns } from './chain-turns.js';
import { urgentHolds } from './urgent-holds.js';
import { togetherOf } from './together.js';
import { gathered, overtake, subjectOf, takeGroup, type Waiting } from './queue.js';
import { decidedOf, fallsApart, type Pending, unitsOf } from './units.js';
import type { ChangeRequest, Decided, Decision, Outcome } from './decision.js';
import type { Head } from './event.js';
import { headToDecideOn, type KnownHeads } from './known-heads.js';
import { ChangeConflict, type Database, isDuplicate, type Statement } from './database.js';

/** What this operation read elsewhere is another thing by now: it decides again. `decide` may throw it as well. */
export class HeadMoved extends Error {}

export type { ChangeRequest, Decided, Decision, EventsOf, Outcome, Watch } from './decision.js';
export { readHead } from './known-heads.js';

export interface Engine {
  readonly db: Database;
  /** Statements without an event. */
  write(statements: readonly Statement[]): Promise<void>;
  /** Operations that share a transaction at most. */
  readonly groupSize: number;
  /**
   * Commit operations decided on `head`: `lost` when the head has moved (nothing is written), else an outcome each;
   * one that fails leaves the others and uses no number.
   */
  commit(authorityId: string, head: Head, group: readonly Decided[]): Promise<'lost' | readonly Outcome[]>;
  /** The head as a server has it that surely writes, where another one may have been read. */
  headAgain?(authorityId: string): Promise<Head>;
}

const MAX_TRIES = 50;
/** A cut is not given up while others only win races against it. */
const MAX_TRIES_OF_CUTS = 500;
const MAX_DUPLICATES = 3;
/** What lost so often with others of its unit is written by itself. */
const LOST_TOGETHER = 2;

/**
 * Group commit. Each authority has a queue; operations on different members, decided at the same head, share one
 * transaction and so one disk flush. An operation of authority scope goes alone. The head is read before deciding:
 * whatever `decide` read is guarded by it.
 * @param known what was acknowledged, noted here; a store that lacks it is not written
 */
export function createChanges(engine: Engine, known: KnownHeads): <T>(request: ChangeRequest<T>) => Promise<T> {
  const queues = new Map<string, Waiting[]>();
  const turns = chainTurns(engine);
  const holds = urgentHolds();
  /** A cut lost a chain that it watched: whoever writes there lets it go first. */
  async function hold({ request, holding }: Waiting, lost: Iterable<string>): Promise<void> {
    if (!request.urgent) return;
    for (const id of lost) {
      if (!holding.has(id)) holding.set(id, holds.hold(id));
      await turns.lost(id, true).catch(() => undefined);
    }
  }
  async function release({ holding }: Waiting): Promise<void> {
    const given = [...holding];
    holding.clear();
    for (const [, giveBack] of given) giveBack();
    for (const [id] of given) await turns.committed(id, false).catch(() => undefined);
  }
  const headOf = (authorityId: string) => headToDecideOn(engine.db, known, authorityId, engine.headAgain);

  async function work(authorityId: string, queue: Waiting[]): Promise<void> {
    const hurried = () => queue.some(({ request }) => request.urgent);
    for (let before = 1; queue.length; before = 0) {
      await gathered(queue, engine.groupSize, before);
      await holds.free(authorityId, hurried);
      const head = await headInTurn(headOf, turns, authorityId, hurried).catch((error: unknown) => {
        for (const one of queue.splice(0)) one.reject(error);
      });
      if (!head) break;
      const group = takeGroup(queue, engine.groupSize);
      try {
        const ending = turns.ending(authorityId);
        const outcome = await runGroup({ engine, known, headOf, hold }, authorityId, head, group, ending, (again) => queue.unshift(...again));
        if (outcome === 'lost') await turns.lost(authorityId, hurried());
        // What a cut took while this was under way is that of the cut to give back.
        else if (ending.length || !holds.has(authorityId)) await turns.committed(authorityId, outcome === 'ended' && ending.length > 0);
      } catch (error) {
        for (const one of group) one.reject(error);
      }
    }
    queues.delete(authorityId);
  }

  return <T>(request: ChangeRequest<T>) =>
    new Promise<T>((resolve, reject) => {
      const waiting: Waiting = {
        request,
        tries: 0,
        alone: false,
        holding: new Map(),
        resolve: (value) => void release(waiting).then(() => resolve(value as T)),
        reject: (error) => void release(waiting).then(() => reject(error)),
      };
      const queue = queues.get(request.authorityId);
      if (!queue) {
        const fresh = [waiting];
        queues.set(request.authorityId, fresh);
        // A turn of the event loop later, so that operations arriving together form one group.
        setTimeout(() => void work(request.authorityId, fresh), 0);
      } else if (request.urgent) {
        overtake(queue, subjectOf(request));
        queue.unshift(waiting);
      } else queue.push(waiting);
    });
}

type HeadOf = (authorityId: string) => Promise<Head>;

interface Running {
  readonly engine: Engine;
  readonly known: KnownHeads;
  readonly headOf: HeadOf;
  readonly hold: (one: Waiting, lost: Iterable<string>) => Promise<void>;
}

/** Where the chain stands when it is this process's turn to decide. */
async function headInTurn(headOf: HeadOf, turns: ChainTurns, authorityId: string, hurried: () => boolean): Promise<Head> {
  const [head, turn] = await Promise.all([headOf(authorityId), hurried() ? 'at once' : turns.await(authorityId, hurried)]);
  return turn === 'at once' ? head : headOf(authorityId);
}

/** A decision that was made, and whose it is. */
interface Made extends Pending {
  readonly waiting: Waiting;
}

/** Decide each. Whoever has nothing to commit is answered. @returns what has, and what lost to somebody else */
async function decideEach(
  authorityId: string,
  group: readonly Waiting[],
  headOf: HeadOf,
  watched: readonly Map<string, Head>[],
): Promise<{ readonly made: readonly Made[]; readonly lost: Waiting[] }> {
  const together = togetherOf(group.map(({ request: { brings }, alone }) => ({ brings, alone })));
  const decisions = await Promise.allSettled(
    group.map((one, n) =>
      one.request.decide(async (other) => {
        if (other !== authorityId && !watched[n]?.has(other)) watched[n]?.set(other, await headOf(other));
      }, together),
    ),
  );
  const lost: Waiting[] = [];
  const made: Made[] = [];
  for (const [n, decision] of decisions.entries()) {
    const waiting = group[n] as Waiting;
    const { actor, urgent = false } = waiting.request;
    if (decision.status === 'rejected' && decision.reason instanceof HeadMoved) lost.push(waiting);
    else if (decision.status === 'rejected') waiting.reject(decision.reason);
    else if (decision.value.events.length === 0) waiting.resolve(decision.value.result);
    else made.push({ waiting, actor, urgent, decision: decision.value, elsewhere: elsewhereOf(decision.value, watched[n] ?? new Map()) });
  }
  return { made, lost };
}

/** Commit what belongs together as one. @param ending goes with the last of it */
async function commitParts(engine: Engine, authorityId: string, head: Head, parts: readonly (readonly Made[])[], ending: readonly Statement[]) {
  if (parts.length === 0) return [];
  const last = parts.length - 1;
  try {
    return await engine.commit(
      authorityId,
      head,
      parts.map((part, n) => decidedOf(part, n === last ? ending : [])),
    );
  } catch (error) {
    return parts.map((): Outcome => ({ ok: false, error }));
  }
}

/**
 * @param ending goes with the last operation
 * @returns lost: all of it lost to another process; ended: what was to go with it was committed
 */
async function runGroup(
  { engine, known, headOf, hold }: Running,
  authorityId: string,
  head: Head,
  group: readonly Waiting[],
  ending: readonly Statement[],
  putBack: (again: readonly Waiting[]) => void,
): Promise<'lost' | 'done' | 'ended'> {
  const watched = group.map(() => new Map<string, Head>());
  const { made, lost } = await decideEach(authorityId, group, headOf, watched);
  const { parts, broken } = unitsOf(made);
  const outcomes = await commitParts(engine, authorityId, head, parts, ending);
  const isLost = (n: number) => outcomes === 'lost' || isMoved(outcomes[n]);
  const apart = [...broken, ...parts.filter((part, n) => outcomes !== 'lost' && fallsApart(part, outcomes[n] as Outcome, isLost(n))).flat()];
  for (const { waiting } of apart) waiting.alone = true;
  putBack(apart.map(({ waiting }) => waiting));
  const moved = parts.filter((_, n) => isLost(n)).flat();
  lost.push(...moved.filter((one) => !apart.includes(one)).map(({ waiting }) => waiting));
  // Where an engine says no more than that they lost, it may be because of one of them.
  for (const waiting of lost) waiting.alone ||= waiting.tries >= LOST_TOGETHER;
  if (lost.length) {
    for (const one of lost) await hold(one, watched[group.indexOf(one)]?.keys() ?? []);
    await tryAgain(lost, putBack);
  }
  if (outcomes === 'lost') return 'lost';
  for (const [n, outcome] of outcomes.entries()) {
    if (outcome.ok) note(known, outcome.heads);
    for (const one of parts[n] ?? []) if (!isLost(n) && !apart.includes(one)) answer(one, outcome, putBack);
  }
  if (moved.length && moved.length === made.length && apart.length === 0) return 'lost';
  return outcomes.at(-1)?.ok ? 'ended' : 'done';
}

function answer({ waiting, decision }: Made, outcome: Outcome, putBack: (again: readonly Waiting[]) => void): void {
  if (outcome.ok) waiting.resolve(decision.result);
  // Two operations of one group made the same thing: on fresh state the second decides otherwise.
  else if (isDuplicate(outcome.error, '') && ++waiting.tries < MAX_DUPLICATES) putBack([waiting]);
  else waiting.reject(outcome.error);
}

/** They decide anew on fresh state, in a moment: those of several processes would meet again. */
async function tryAgain(lost: readonly Waiting[], putBack: (again: readonly Waiting[]) => void): Promise<void> {
  const again = lost.filter(
    (waiting) => ++waiting.tries < most(waiting) || void waiting.reject(new ChangeConflict(`the authority changed ${most(waiting)} times meanwhile`)),
  );
  putBack(again);
  const [first] = again;
  if (!first || (first.tries < 2 && !first.request.urgent)) return;
  const longest = Math.min(2 ** Math.min(first.tries, 8), first.request.urgent ? 16 : 256);
  await new Promise((done) => setTimeout(done, Math.random() * longest));
}

const most = ({ request }: Waiting): number => (request.urgent ? MAX_TRIES_OF_CUTS : MAX_TRIES);

/** Answers of several groups may come in another order than their commits. */
function note(known: KnownHeads, heads: ReadonlyMap<string, Head>): void {
  for (const [id, head] of heads) if (head.seq > (known.get(id)?.seq ?? 0)) known.set(id, head);
}

const isMoved = (outcome: Outcome | undefined): boolean => outcome?.ok === false && outcome.error instanceof HeadMoved;

/** Every chain watched gets an event, and every chain that gets one was watched: the event is the lock. */
export function elsewhereOf(decision: Decision<unknown>, watched: ReadonlyMap<string, Head>): Decided['elsewhere'] {
  const given = (decision.elsewhere ?? []).filter(({ events }) => events.length > 0);
  const unlocked = [...watched.keys()].find((id) => !given.some(({ authorityId }) => authorityId === id));
  if (unlocked !== undefined) throw new Error(`the event chain of ${unlocked} was watched and gets no event`);
  return given.map((one) => {
    const head = watched.get(one.authorityId);
    if (!head) throw new Error(`the event chain of ${one.authorityId} was not watched`);
    return { ...one, head };
  });
}
