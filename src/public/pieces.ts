import { isPromise, type MaybePromise, type Page } from '../store/published.js';
import { breath, turn } from './turns.js';

/** Identifiers after one, in byte order. */
export type ReadPage = (after: string) => MaybePromise<Page>;

/** What is read without a look at the network (milliseconds), and what goes to a connection at once (bytes). */
const AT_ONCE_MS = 2;
const PIECE_BYTES = 64 * 1024;

/**
 * Some pages together, as one: as many as make a piece worth sending, and no more than nobody feels.
 * @param here whether they are read by this process while it does nothing else: then others have a turn before
 */
export async function readPiece(page: ReadPage, after: string, here: boolean): Promise<Page> {
  await (here ? turn() : breath());
  const since = performance.now();
  const parts: string[] = [];
  let length = 0;
  let until: number | null = null;
  for (let from = after; ; ) {
    const read = page(from);
    const { json, next, until: ends } = isPromise(read) ? await read : read;
    if (json !== '') parts.push(json);
    length += json.length;
    until = earlier(until, ends);
    if (next === undefined || length >= PIECE_BYTES || performance.now() - since >= AT_ONCE_MS) return { json: parts.join(','), next, until };
    from = next;
  }
}

export const earlier = (one: number | null, other: number | null): number | null => (one === null || other === null ? (one ?? other) : Math.min(one, other));
