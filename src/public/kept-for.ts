import { matches } from '../edge/conditional.js';
import { ENDPOINT_PATHS } from '../store/schema.js';
import { aboutMark, type KeptAnswer } from './kept-answer.js';
import { type HotContext, straightFetch } from './straight.js';

export type { HotContext } from './straight.js';

/** What an answer depends on beside method and URL. */
export interface Asked {
  readonly host: string;
  readonly accept: string | undefined;
  readonly 'if-none-match': string | undefined;
}

const SLASH = 0x2f;
const HOST = /^[\w.-]+(?::\d{1,5})?$/;

/** Whether host and target put together say what they say apart: each is what it has to be. */
export function placesOf(): (host: string, target: string) => boolean {
  // Most ask for the same one.
  let usual = '';
  return (host, target) => {
    if (target.charCodeAt(0) !== SLASH) return false;
    if (host === usual) return true;
    if (!HOST.test(host)) return false;
    usual = host;
    return true;
  };
}

export interface KeptAnswers {
  /**
   * The answer to a question by GET, spelled as usual; undefined where another one may be due.
   * @param url absolute
   */
  get(url: string, asked: Asked): KeptAnswer | undefined;
  /** The kept answer to a form in which the status of a mark is asked for. @param body one character a byte */
  status(url: string, body: string): KeptAnswer | undefined;
}

/** Answers that can be given at once. No commit can fall in between: the look-up and the answer are one synchronous step. */
export function keptAnswers(contextOf: () => HotContext): KeptAnswers {
  const straight = straightFetch();
  /** Nothing where its end is so near that the head says something else; a store that cannot be asked is the business of whoever answers then. */
  const find = (url: string, byGet: boolean): KeptAnswer | undefined => {
    try {
      const context = contextOf();
      context.published.begin();
      const kept = context.published.spelled<KeptAnswer>(url) ?? (byGet ? straight(context, url) : undefined);
      if (kept === undefined) return undefined;
      const left = kept.until - context.now();
      return left > 0 && left >= kept.maxAge ? kept : undefined;
    } catch {
      return undefined;
    }
  };
  return {
    get(url, { accept }) {
      const kept = find(url, true);
      return kept?.accepted && accept !== undefined && !kept.accepted(accept) ? undefined : kept;
    },
    status(url, body) {
      const mark = markIn(body);
      return mark === undefined ? undefined : find(aboutMark(url, mark), false);
    },
  };
}

/** Whoever asks has it already (RFC 9110 §13.1.2). */
export const isKnown = ({ etag }: KeptAnswer, { 'if-none-match': known }: Asked): boolean => known !== undefined && etag !== undefined && matches(known, etag);

/** A mark, and the name of the parameter (bytes). */
export const MAX_STATUS_BODY = 8 * 1024;
const STATUS_BODY = 'trust_mark=';
const STATUS_PATH = `/${ENDPOINT_PATHS.trust_mark_status}`;

/** Whether the status of a mark is asked for (OpenID Federation 1.0 §8.4.1), in a form of known length. */
export const isStatusForm = (target: string, contentType: string | undefined, length: number): boolean =>
  target.endsWith(STATUS_PATH) && contentType === 'application/x-www-form-urlencoded' && length > 0 && length <= MAX_STATUS_BODY;

/** The mark of a form that has nothing else in it, and in which nothing is escaped. */
export function markIn(body: string): string | undefined {
  const mark = body.slice(STATUS_BODY.length);
  return body.startsWith(STATUS_BODY) && /^[\w.-]+$/.test(mark) ? mark : undefined;
}
