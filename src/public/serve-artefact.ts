import type { Context } from 'hono';
import { federationError } from '../edge/federation-error.js';
import { type ServedArtefact, servedAs } from '../store/published.js';
import { KeptAnswer } from './kept-answer.js';

/** What the kill switch must reach is fresh for at most this long in anyone's cache (seconds). */
export const MAX_AGE = 5;

/** Of Client ID Metadata Documents: servers that do not ask again on every use remember them for as long (seconds). */
export const CLIENT_MAX_AGE = 60;

const RETRY_AFTER = 10;

interface Serving {
  /** Seconds since the epoch. */
  readonly now: number;
  /** Seconds. */
  readonly maxAge?: number | undefined;
  /** When it is worth asking again while it is being signed anew (seconds). */
  readonly retryAfter?: number;
  /** See `KeptAnswer`. */
  readonly accepted?: (accept: string) => boolean;
  /** Let the URL lead to it. */
  readonly keep?: (held: ServedArtefact, answer: KeptAnswer) => unknown;
}

/** What may be served, as an answer to anyone. */
export const keptArtefact = (artefact: ServedArtefact, maxAge = MAX_AGE, accepted?: Serving['accepted']): KeptAnswer =>
  new KeptAnswer(artefact.bytes, artefact.mediaType, artefact.etag, untilOf(artefact), maxAge, accepted);

/** Stored bytes as they are, to anyone. */
export function serveArtefact(c: Context, artefact: ServedArtefact, { now, maxAge = MAX_AGE, retryAfter, accepted, keep }: Serving): Response {
  const away = unavailable(c, artefact, now, retryAfter);
  if (away) return away;
  const answer = keptArtefact(artefact, maxAge, accepted);
  keep?.(artefact, answer);
  return answer.send(c, now);
}

/** What cannot be served, past its cap, withheld or late for renewal: an expired statement is never served. */
function unavailable(c: Context, artefact: ServedArtefact, now: number, retryAfter = RETRY_AFTER): Response | undefined {
  const as = servedAs(artefact, now);
  if (as === 'gone') return federationError(c, 'not_found', 'this entity does not publish it any more');
  if (as === 'late') return federationError(c, 'temporarily_unavailable', 'it is being signed anew; try again shortly', { 'retry-after': String(retryAfter) });
  return undefined;
}

/** Stored bytes to whoever asked by POST: nobody else may cache them. @param keep for who asks the same */
export function servePrivately(c: Context, artefact: ServedArtefact, now: number, keep?: (answer: KeptAnswer) => void): Response {
  const away = unavailable(c, artefact, now);
  if (away) return away;
  const answer = new KeptAnswer(artefact.bytes, artefact.mediaType, undefined, untilOf(artefact), 0);
  keep?.(answer);
  return answer.send(c, now);
}

const untilOf = ({ exp, cap }: ServedArtefact): number => Math.min(exp ?? Number.POSITIVE_INFINITY, cap ?? Number.POSITIVE_INFINITY);
