import { matches } from '../edge/conditional.js';
import { ENDPOINT_PATHS } from '../store/schema.js';
import type { CallerContext } from './caller.js';
import { aboutMark, type KeptAnswer } from './kept-answer.js';

export type HotContext = Pick<CallerContext, 'published' | 'now'>;

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

/** Nothing where its end is so near that the head says something else; a store that cannot be asked is the business of whoever answers then. */
function find(contextOf: () => HotContext, url: string): KeptAnswer | undefined {
  try {
    const { published, now } = contextOf();
    published.begin();
    const kept = published.spelled<KeptAnswer>(url);
    if (kept === undefined) return undefined;
    const left = kept.until - now();
    return left > 0 && left >= kept.maxAge ? kept : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The kept answer to a question by GET, spelled as usual, whose freshness is looked up in the same synchronous step; undefined where
 * another one may be due.
 * @param url absolute
 */
export function keptFor(contextOf: () => HotContext, url: string, { accept }: Asked): KeptAnswer | undefined {
  const kept = find(contextOf, url);
  return kept?.accepted && accept !== undefined && !kept.accepted(accept) ? undefined : kept;
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

/** The kept answer to such a form, with nothing in it but a mark, in which nothing is escaped. @param body one character a byte */
export function keptStatus(contextOf: () => HotContext, url: string, body: string): KeptAnswer | undefined {
  if (!body.startsWith(STATUS_BODY)) return undefined;
  const mark = body.slice(STATUS_BODY.length);
  return /^[\w.-]+$/.test(mark) ? find(contextOf, aboutMark(url, mark)) : undefined;
}
