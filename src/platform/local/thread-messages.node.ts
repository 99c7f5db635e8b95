import type { Question, Questions } from '../../operations/explorer.js';
import { CUSTODY_AWAY, CustodyAway } from '../../operations/keys/from-custody.js';
import { Refusal, type RefusalCode } from '../../operations/refusal.js';
import type { Finding } from '../../federation/entry.js';
import { type TroubleName, troubleIn, troubleOf } from '../../store/trouble.js';
import type { Ground } from '../deployment.node.js';

/** What the discovery thread is started with. */
export interface Start {
  readonly ground: Ground;
  /** Discover in turns, beginning after so many milliseconds; undefined: answer questions only. */
  readonly discoverAfter: number | undefined;
  /** Two Int32: counted up by the thread while its event loop turns, every `BEAT_EVERY_MS`; and how late it is with that (milliseconds). */
  readonly beat: SharedArrayBuffer;
  /** The thread before this one ended over its work; `blame`: over discovery, for nobody else had asked anything. */
  readonly ended: { readonly blame: boolean } | undefined;
}

export const BEAT_EVERY_MS = 50;
export const BEATS = 0;
export const LATE = 1;

export type ToThread = { readonly id: number; readonly question: Question; readonly asked: Questions[Question]['asked'] } | 'stop' | 'wake';

export type FromThread =
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly failure: Failure }
  | { readonly kind: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly fields: object; readonly text: string }
  | { readonly kind: 'set aside'; readonly entityId: string };

/** An error as it travels: a refusal and the store's own trouble arrive as what they were, of anything else its message. */
type Failure =
  | { readonly code: RefusalCode; readonly message: string; readonly findings: readonly Finding[] }
  | { readonly code: undefined; readonly message: string; readonly trouble: TroubleName | undefined };

export const pack = (error: unknown): Failure =>
  error instanceof Refusal
    ? { code: error.code, message: error.message, findings: error.findings }
    : error instanceof CustodyAway
      ? { code: 'temporarily_unavailable', message: CUSTODY_AWAY, findings: [] }
      : { code: undefined, message: error instanceof Error ? error.message : String(error), trouble: troubleIn(error) };

export function unpack(failure: Failure): Error {
  if (failure.code !== undefined) return new Refusal(failure.code, failure.message, failure.findings);
  const message = `discovery thread: ${failure.message}`;
  return failure.trouble === undefined ? new Error(message) : troubleOf(failure.trouble, message);
}
