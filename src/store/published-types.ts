import type { ErrorCode } from '../federation/entry.js';
import type { ClientAuth } from './schema.js';

/** Read-only view for the public plane: artefacts, the list of subordinates, where authorities answer. It knows no key. */
export interface ServedArtefact {
  readonly bytes: string;
  readonly mediaType: string;
  /** Quoted SHA-256. */
  readonly etag: string;
  readonly exp: number | null;
  readonly cap: number | null;
  /** Not served until it is signed anew, whatever its end. */
  readonly withheld: boolean;
}
/**
 * How stored bytes are answered: past its cap an entity does not publish them any more, and what is withheld or late for
 * renewal is not served until it is signed anew.
 */
export function servedAs({ cap, exp, withheld }: Pick<ServedArtefact, 'cap' | 'exp' | 'withheld'>, now: number): 'served' | 'gone' | 'late' {
  if (cap !== null && cap <= now) return 'gone';
  return withheld || (exp !== null && exp <= now) ? 'late' : 'served';
}

export interface ServedAuthority {
  readonly id: string;
  readonly entityId: string;
  readonly clientAuth: ClientAuth;
  /** A restored history that nobody has confirmed: nothing of it is served. */
  readonly withheld: boolean;
}
/** What is on record about one subject under one anchor. `types` are the subject's, in order. */
export type Evaluation =
  | { readonly state: 'valid'; readonly types: readonly string[] }
  | { readonly state: 'invalid'; readonly error: ErrorCode }
  | { readonly state: 'unreachable' };

/**
 * A stored resolve response: served, or held back because something it rests on was cut off (`gone`) or has changed and is
 * being evaluated anew (`changed`).
 */
export interface ResolveAnswer extends ServedArtefact {
  readonly rests: 'sound' | 'changed' | 'gone';
}

/** Some of a list of identifiers. */
export interface Page {
  /** As they stand in a JSON array, without its brackets. */
  readonly json: string;
  /** Where the next page begins; undefined after the last one. */
  readonly next: string | undefined;
  /** When the first of these ends; null when none has an end. */
  readonly until: number | null;
}
