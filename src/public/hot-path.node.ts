import type { IncomingMessage, ServerResponse } from 'node:http';
import { matches } from '../edge/conditional.js';
import type { CallerContext } from './caller.js';
import type { KeptAnswer } from './kept-answer.js';

/** Told of each answer that went out here: method, path without query, status, and since when (`performance.now()`). */
export type Told = (method: string, path: string, status: number, since: number) => void;

/** Answers a request if it can at once. @returns false: nothing was done, whoever is behind answers */
export type HotPath = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean;

type Context = Pick<CallerContext, 'published' | 'now'>;

/** What a kept answer is made of on the connection. */
interface Rendered {
  /** Names and values in turn. */
  readonly whole: string[];
  readonly unchanged: string[];
  /** One byte a character: written together with the head. */
  readonly ascii: boolean;
}

function rendered(kept: KeptAnswer): Rendered {
  const { 'content-type': type = '', ...rest } = kept.headers;
  const common = Object.entries(rest).flat();
  const length = String(Buffer.byteLength(kept.body));
  const made: Rendered = {
    whole: ['content-type', type, ...common, 'content-length', length],
    unchanged: common,
    ascii: Number(length) === kept.body.length,
  };
  kept.rendered = made;
  return made;
}

/**
 * In front of the framework: a request by GET or HEAD whose URL, spelled as usual, leads to a kept answer is answered with one
 * look-up and nothing awaited. It answers what the app behind it would, byte for byte; whatever is unusual about a request is left
 * to that one. No commit can fall in between: the look-up and the answer are one synchronous step.
 * @param scheme of this listener
 */
export function hotPath(contextOf: () => Context, scheme: 'http' | 'https', told: Told | undefined): HotPath {
  const before = `${scheme}://`;
  return (incoming, outgoing) => {
    const { method, url, rawHeaders } = incoming;
    if ((method !== 'GET' && method !== 'HEAD') || url === undefined) return false;
    const since = told ? performance.now() : 0;
    let host: string | undefined;
    let known: string | undefined;
    let accept: string | undefined;
    for (let n = 0; n < rawHeaders.length; n += 2) {
      const name = rawHeaders[n] as string;
      switch (name.length) {
        case 4:
          if (!is(name, 'host')) break;
          if (host !== undefined) return false;
          host = rawHeaders[n + 1];
          break;
        case 6:
          if (!is(name, 'accept')) break;
          if (accept !== undefined) return false;
          accept = rawHeaders[n + 1];
          break;
        case 13:
          if (!is(name, 'if-none-match')) break;
          if (known !== undefined) return false;
          known = rawHeaders[n + 1];
          break;
        // Whoever sends a body has something unusual in mind.
        case 14:
          if (is(name, 'content-length')) return false;
          break;
        case 17:
          if (is(name, 'transfer-encoding')) return false;
          break;
      }
    }
    if (host === undefined) return false;
    const kept = find(contextOf, `${before}${host}${url}`);
    if (kept === undefined) return false;
    if (kept.accepted && accept !== undefined && !kept.accepted(accept)) return false;
    const { whole, unchanged, ascii } = (kept.rendered as Rendered | undefined) ?? rendered(kept);
    const status = known !== undefined && matches(known, kept.headers.etag) ? 304 : 200;
    outgoing.writeHead(status, status === 304 ? unchanged : whole);
    if (status === 304 || method === 'HEAD') outgoing.end();
    else outgoing.end(kept.body, ascii ? 'latin1' : 'utf8');
    told?.(method, url, status, since);
    return true;
  };
}

const is = (name: string, wanted: string): boolean => name === wanted || name.toLowerCase() === wanted;

/** Nothing where its end is so near that the head says something else; a store that cannot be asked is the business of whoever answers then. */
function find(contextOf: () => Context, url: string): KeptAnswer | undefined {
  try {
    const { published, now } = contextOf();
    published.begin();
    const kept = published.spelled<KeptAnswer>(url);
    return kept !== undefined && now() + kept.maxAge <= kept.until ? kept : undefined;
  } catch {
    return undefined;
  }
}
