import { type ChainTurns, chainTurns } from './chain-turns.js';
import { urgentHolds } from './urgent-holds.js';
import { type Brought, type Together, togetherOf } from './together.js';
import { decidedOf, fallsApart, type Pending, type Unit, unitsOf } from './units.js';
import type { Actor, Head, NewEvent } from './event.js';
import { headToDecideOn, type KnownHeads } from './known-heads.js';
import { ChangeConflict, type Database, isDuplicate, Overtaken, type Statement } from './database.js';

/** What an operation decided: events in order, the writes that go with them, the answer. No events: nothing to do. */
export interface Decision<T> {
  readonly events: readonly NewEvent[];
  /** Events of other authorities whose state or artefacts change with it; each was watched. */
  readonly elsewhere?: readonly EventsOf[];
  readonly statements: readonly Statement[];
  readonly result: T;
  /** It is written together with others: a statement that several of them have is carried out once. */
  readonly unit?: Unit | undefined;
}

export interface EventsOf {
  readonly authorityId: string;
  readonly events: readonly NewEvent[];
}

/**
 * Take another authority's event chain into the decision: call it before reading that authority's state. The commit then
 * fails, and the operation decides again, when that chain has moved meanwhile. An event has to go into it.
 */
export type Watch = (authorityId: string) => Promise<void>;

export interface ChangeRequest<T> {
  /** Whose event chain it goes into. */
  readonly authorityId: string;
  /** What it reads and writes: one member (its entity identifier), or the whole authority (null). */
  readonly scope: string | null;
  /** What it reads of others, or writes for them to read, beside that: those that have one of these in common are not decided at one head. */
  readonly apart?: readonly string[];
  /** What of an authority's own it moves, where `scope` is null: a cut of just that overtakes what waits for it. */
  readonly about?: string;
  /** Everything that cuts: it goes to the head of the queue, and is committed on a full disk from what is kept for it. */
  readonly urgent?: boolean;
  readonly actor: Actor;
  /** What those that share a transaction read by together. */
  readonly brings?: Brought | undefined;
  /** Read, decide, sign. Runs again on fresh state when another writer came first, so it has no effect of its own. */
  decide(watch: Watch, together: Together): Promise<Decision<T>>;
}

/** One decided operation, as the engine gets it. */
export interface Decided {
  readonly actor: Actor;
  /** It may spend what the store keeps for cuts. */
  readonly urgent: boolean;
  readonly events: readonly NewEvent[];
  /** How many operations it is, where it is more than one (units.ts). */
  readonly operations?: number;
  /** Other chains it goes into, with the heads that were decided on. */
  readonly elsewhere: readonly (EventsOf & { readonly head: Head })[];
  readonly statements: readonly Statement[];
}
/** Done: where each chain stands that it went into. */
export type Outcome = { readonly ok: true; readonly heads: ReadonlyMap<string, Head> } | { readonly ok: false; readonly error: unknown };

/** What this operation read elsewhere is another thing by now: it decides again. `decide` may throw it as well. */
export class HeadMoved extends Error {}

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

interface Waiting {
  readonly request: ChangeRequest<unknown>;
  tries: number;
  /** It could not be written together with others, so it is by itself. */
  alone: boolean;
  /** Of a cut: the chains that it watched and lost, and how each is given back. */
  readonly holding: Map<string, () => void>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
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
    while (queue.length) {
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

const subjectOf = ({ scope, about }: ChangeRequest<unknown>): string | null => scope ?? about ?? null;

/**
 * A cut goes before what waits for the same member, organization, type, anchor or authority, and what waits was decided by
 * somebody who did not know of it: a resume that queued behind an import must not undo it, though the cut found nothing left
 * to cut. So it is refused, and whoever asked decides again.
 */
function overtake(queue: Waiting[], subject: string | null): void {
  if (subject === null) return;
  for (let at = queue.length - 1; at >= 0; at--) {
    const { request, reject } = queue[at] as Waiting;
    if (subjectOf(request) !== subject || request.urgent) continue;
    queue.splice(at, 1);
    reject(new Overtaken('a cut of it came first; look at it and decide again'));
  }
}

/** The next operations that may share a transaction; the order of operations on one member, and of those to be apart, is kept. */
function takeGroup(queue: Waiting[], size: number): Waiting[] {
  const group: Waiting[] = [];
  const taken = new Set<string>();
  for (let at = 0; at < queue.length && group.length < size; ) {
    const { scope, apart = [] } = (queue[at] as Waiting).request;
    if (scope === null) {
      if (group.length === 0 && taken.size === 0) return queue.splice(at, 1);
      break;
    }
    const own = [`scope ${scope}`, ...apart.map((one) => `apart ${one}`)];
    if (own.some((one) => taken.has(one))) at++;
    else group.push(...queue.splice(at, 1));
    for (const one of own) taken.add(one);
  }
  return group;
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
  const together = togetherOf(group.map(({ request: { brings }, alone }) => ({ brings, alone })));
  const decisions = await Promise.allSettled(
    group.map((one, n) =>
      one.request.decide(async (other) => {
        if (other !== authorityId && !watched[n]?.has(other)) watched[n]?.set(other, await headOf(other));
      }, together),
    ),
  );
  const lost: Waiting[] = [];
  const pending: (Pending & { readonly waiting: Waiting })[] = [];
  for (const [n, decision] of decisions.entries()) {
    const waiting = group[n] as Waiting;
    const { actor, urgent = false } = waiting.request;
    if (decision.status === 'rejected' && decision.reason instanceof HeadMoved) lost.push(waiting);
    else if (decision.status === 'rejected') waiting.reject(decision.reason);
    else if (decision.value.events.length === 0) waiting.resolve(decision.value.result);
    else pending.push({ waiting, actor, urgent, decision: decision.value, elsewhere: elsewhereOf(decision.value, watched[n] ?? new Map()) });
  }
  const { parts, broken } = unitsOf(pending);
  let outcomes: 'lost' | readonly Outcome[] = [];
  try {
    if (parts.length)
      outcomes = await engine.commit(
        authorityId,
        head,
        parts.map((part, n) => decidedOf(part, n === parts.length - 1 ? ending : [])),
      );
  } catch (error) {
    outcomes = parts.map(() => ({ ok: false, error }));
  }
  const apart = [
    ...broken,
    ...(outcomes === 'lost' ? [] : outcomes.flatMap((one, n) => (fallsApart(parts[n] ?? [], one, isMoved(one)) ? (parts[n] ?? []) : []))),
  ];
  for (const { waiting } of apart) waiting.alone = true;
  putBack(apart.map(({ waiting }) => waiting));
  const moved = outcomes === 'lost' ? parts.flat() : parts.flatMap((part, n) => (isMoved((outcomes as readonly Outcome[])[n]) ? part : []));
  lost.push(...moved.flatMap((one) => (apart.includes(one) ? [] : [one.waiting])));
  // Where an engine says no more than that they lost, it may be because of one of them.
  for (const waiting of lost) waiting.alone ||= waiting.tries >= LOST_TOGETHER;
  if (lost.length) {
    for (const one of lost) await hold(one, watched[group.indexOf(one)]?.keys() ?? []);
    await tryAgain(lost, putBack);
  }
  if (outcomes === 'lost') return 'lost';
  for (const [n, outcome] of outcomes.entries()) {
    if (isMoved(outcome)) continue;
    if (outcome.ok) note(known, outcome.heads);
    for (const one of parts[n] ?? []) {
      const { waiting, decision } = one;
      if (outcome.ok) waiting.resolve(decision.result);
      else if (apart.includes(one)) continue;
      // Two operations of one group made the same thing: on fresh state the second decides otherwise.
      else if (isDuplicate(outcome.error, '') && ++waiting.tries < MAX_DUPLICATES) putBack([waiting]);
      else waiting.reject(outcome.error);
    }
  }
  if (moved.length && moved.length === pending.length && apart.length === 0) return 'lost';
  return outcomes.at(-1)?.ok ? 'ended' : 'done';
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
