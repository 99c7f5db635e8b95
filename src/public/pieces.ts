import { andThen, isPromise, LIST_PAGE, type MaybePromise, type Page } from '../store/published.js';
import { breath, turn } from './turns.js';

/** Identifiers after one, in byte order, of so many members at most. */
export type ReadPage = (after: string, limit: number) => MaybePromise<Page>;

/** What is read without a look at the network (milliseconds), and what goes to a connection at once (bytes). */
const AT_ONCE_MS = 2;
const PIECE_BYTES = 64 * 1024;
/** A page has so much at most, whatever stands in the list: whoever takes nothing holds one of these and a piece (bytes). */
export const PAGE_BYTES = 64 * 1024;
/** Fewer members are not read at once. */
const FEWEST = 8;

/**
 * A list as it is read for one answer: in pages of so many members that none is too long. Identifiers may have two thousand characters, and
 * nine hundred of those would be two megabytes, for each who asks and reads nothing.
 */
export class Pages {
  #limit = LIST_PAGE;
  readonly #read: ReadPage;

  constructor(read: ReadPage) {
    this.#read = read;
  }

  after(id: string): MaybePromise<Page> {
    const limit = this.#limit;
    return andThen(this.#read(id, limit), (page) => {
      const { length } = page.json;
      if (length > PAGE_BYTES) this.#limit = Math.max(FEWEST, Math.floor((limit * PAGE_BYTES) / (2 * length)));
      else if (length < PAGE_BYTES / 4) this.#limit = Math.min(LIST_PAGE, limit * 2);
      return cutPage(page, PAGE_BYTES);
    });
  }
}

/** A text of a JSON array. */
const TEXT = /"[^"\\]*(?:\\.[^"\\]*)*"/y;

/**
 * As much of a page as goes out at once; the rest is read again.
 * @param most characters; one text is given whole
 */
export function cutPage(page: Page, most: number): Page {
  const { json } = page;
  if (json.length <= most) return page;
  let end = 0;
  let last = '';
  for (let at = 0; ; at = end + 1) {
    TEXT.lastIndex = at;
    const [text] = TEXT.exec(json) ?? [];
    if (text === undefined) return page;
    if (end > 0 && at + text.length > most) return { ...page, json: json.slice(0, end), next: String(JSON.parse(last)) };
    last = text;
    end = at + text.length;
  }
}

/** What an answer that is one page of many has at most: whoever takes nothing holds all of it (characters). */
const ANSWER_LENGTH = 256 * 1024;

/** As many of these, as they are written, as one answer has; at least one. */
export function fitting<T>(all: readonly T[], write: (one: T) => string): readonly string[] {
  const written: string[] = [];
  let length = 0;
  for (const one of all) {
    const text = write(one);
    length += text.length + 1;
    if (written.length > 0 && length > ANSWER_LENGTH) break;
    written.push(text);
  }
  return written;
}

/**
 * Some pages together, as one: as many as make a piece worth sending, and no more than nobody feels.
 * @param here whether they are read by this process while it does nothing else: then others have a turn before
 */
export async function readPiece(pages: Pages, after: string, here: boolean): Promise<Page> {
  await (here ? turn() : breath());
  const since = performance.now();
  const parts: string[] = [];
  let length = 0;
  let until: number | null = null;
  for (let from = after; ; ) {
    const read = pages.after(from);
    const { json, next, until: ends } = isPromise(read) ? await read : read;
    if (json !== '') parts.push(json);
    length += json.length;
    until = earlier(until, ends);
    if (next === undefined || length >= PIECE_BYTES || performance.now() - since >= AT_ONCE_MS) return { json: parts.join(','), next, until };
    from = next;
  }
}

export const earlier = (one: number | null, other: number | null): number | null => (one === null || other === null ? (one ?? other) : Math.min(one, other));
