import type { Statement } from './database.js';
import type { Actor, Head, NewEvent } from './event.js';
import type { Brought, Together } from './together.js';

/**
 * Operations of one kind that were decided together are written together as well: a few statements over all their rows, instead of
 * a few for each. Nothing of a unit is written when any part of it cannot be; then each of them is decided anew and written by
 * itself, so that one that fails takes no other with it.
 */
export interface Unit {
  /** Of how many decisions it is: where one of them is missing, nothing of it is written. */
  readonly size: number;
  /** Who does it: an event has one actor. */
  readonly actor: Actor;
}

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
