import { type IncomingMessage, type ServerResponse, validateHeaderValue } from 'node:http';
import { matches } from '../edge/conditional.js';
import type { CallerContext } from './caller.js';
import { ENDPOINT_PATHS } from '../store/schema.js';
import { aboutMark, type KeptAnswer, LARGE_BYTES } from './kept-answer.js';

/** Told of each answer that went out here: method, path without query, status, and since when (`performance.now()`). */
export type Told = (method: string, path: string, status: number, since: number) => void;

/**
 * Answers a request if it can at once.
 * @param behind answers what only turns out later to be unusual, with what was read of it as `rawBody`
 * @returns false: nothing was done, whoever is behind answers
 */
export type HotPath = (incoming: IncomingMessage, outgoing: ServerResponse, behind: () => void) => boolean;

type Context = Pick<CallerContext, 'published' | 'now'>;

/** What a kept answer is made of on the connection. */
interface Rendered {
  /** Names and values in turn. */
  readonly whole: string[];
  readonly bodiless: string[];
  readonly unchanged: string[];
  /** A short text is written together with the head; a long one need not be copied for that. */
  readonly body: string | Uint8Array;
  readonly encoding: 'latin1' | 'utf8';
}

function canBeSent(name: string, value: string): boolean {
  try {
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}

/**
 * As the app behind it has them: in the order of their names, and the length as Node writes it. Undefined where one cannot be sent, of a
 * row that was damaged: here nobody would catch it, and all other requests would end with it.
 */
function rendered(kept: KeptAnswer): Rendered | undefined {
  if (kept.rendered !== undefined) return (kept.rendered as Rendered | null) ?? undefined;
  const names = Object.keys(kept.headers).sort();
  if (!names.every((name) => canBeSent(name, kept.headers[name] as string))) {
    kept.rendered = null;
    return undefined;
  }
  const pairs = (left: readonly string[]) => left.flatMap((name) => [name, kept.headers[name] as string]);
  const { body } = kept;
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
  const made: Rendered = {
    whole: [...pairs(names), 'Content-Length', String(bytes)],
    bodiless: pairs(names),
    unchanged: pairs(names.filter((name) => name !== 'content-type')),
    body: typeof body === 'string' && body.length > LARGE_BYTES ? Buffer.from(body) : body,
    encoding: bytes === body.length ? 'latin1' : 'utf8',
  };
  kept.rendered = made;
  return made;
}

/** What an answer depends on beside the URL. Whoever sends a body has something unusual in mind. */
type Header = 'host' | 'accept' | 'if-none-match' | 'content-length' | 'transfer-encoding';
/** Which of them a name may be, by its length. */
const BY_LENGTH: readonly (Header | undefined)[] = Array.from({ length: 18 }, (_, length) =>
  (['host', 'accept', 'if-none-match', 'content-length', 'transfer-encoding'] as const).find((name) => name.length === length),
);

interface Asked {
  host: string | undefined;
  accept: string | undefined;
  'if-none-match': string | undefined;
}

/** Undefined for what is unusual: a body, or one of these headers twice. */
function read(rawHeaders: readonly string[]): Asked | undefined {
  const asked: Asked = { host: undefined, accept: undefined, 'if-none-match': undefined };
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const name = rawHeaders[n] as string;
    const maybe = BY_LENGTH[name.length];
    if (maybe === undefined || (name !== maybe && name.toLowerCase() !== maybe)) continue;
    if (maybe === 'content-length' || maybe === 'transfer-encoding' || asked[maybe] !== undefined) return undefined;
    asked[maybe] = rawHeaders[n + 1];
  }
  return asked;
}

const SLASH = 0x2f;
const HOST = /^[\w.-]+(?::\d{1,5})?$/;
/** Most ask for the same one. */
let usual = '';
function isHost(host: string): boolean {
  if (host === usual) return true;
  if (!HOST.test(host)) return false;
  usual = host;
  return true;
}

/**
 * In front of the framework: a request by GET or HEAD whose URL, spelled as usual, leads to a kept answer is answered with one
 * look-up and nothing awaited. It answers what the app behind it would, byte for byte; whatever is unusual about a request is left
 * to that one. No commit can fall in between: the look-up and the answer are one synchronous step.
 * @param scheme of this listener
 */
export function hotPath(contextOf: () => Context, scheme: 'http' | 'https', told: Told | undefined): HotPath {
  const before = `${scheme}://`;
  return (incoming, outgoing, behind) => {
    const { method, url } = incoming;
    if (url === undefined) return false;
    if (method === 'POST') return isStatusQuestion(incoming) && statusAnswered(incoming, outgoing, { before, contextOf, told, behind });
    if (method !== 'GET' && method !== 'HEAD') return false;
    const since = told ? performance.now() : 0;
    const asked = read(incoming.rawHeaders);
    if (asked?.host === undefined) return false;
    // Put together they say what they say apart only when each is what it has to be.
    if (url.charCodeAt(0) !== SLASH || !isHost(asked.host)) return false;
    const kept = find(contextOf, `${before}${asked.host}${url}`);
    const ready = kept && rendered(kept);
    if (kept === undefined || ready === undefined || (kept.accepted && asked.accept !== undefined && !kept.accepted(asked.accept))) return false;
    const known = asked['if-none-match'];
    const status = known !== undefined && kept.etag !== undefined && matches(known, kept.etag) ? 304 : 200;
    send(outgoing, ready, status === 200 && method === 'HEAD' ? 'head' : status);
    told?.(method, url, status, since);
    return true;
  };
}

function send(outgoing: ServerResponse, { whole, bodiless, unchanged, body, encoding }: Rendered, as: 200 | 304 | 'head'): void {
  if (as === 304) outgoing.writeHead(304, unchanged).end();
  else if (as === 'head') outgoing.writeHead(200, bodiless).end();
  else outgoing.writeHead(200, whole).end(body, encoding);
}

/** Nothing where its end is so near that the head says something else; a store that cannot be asked is the business of whoever answers then. */
function find(contextOf: () => Context, url: string): KeptAnswer | undefined {
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

/** A mark, and the name of the parameter. */
const MAX_STATUS_BODY = 8 * 1024;
const STATUS_BODY = 'trust_mark=';
const STATUS_PATH = `/${ENDPOINT_PATHS.trust_mark_status}`;

/** The status of a mark is asked for (OpenID Federation 1.0 §8.4.1), in a form of known length, by the usual headers. */
function isStatusQuestion({ url, headers }: IncomingMessage): boolean {
  const length = Number(headers['content-length']);
  return (
    url?.charCodeAt(0) === SLASH &&
    headers.host !== undefined &&
    isHost(headers.host) &&
    url.endsWith(STATUS_PATH) &&
    headers['content-type'] === 'application/x-www-form-urlencoded' &&
    length > 0 &&
    length <= MAX_STATUS_BODY &&
    ['transfer-encoding', 'content-encoding', 'expect', 'upgrade'].every((name) => headers[name] === undefined)
  );
}

interface Posted {
  readonly before: string;
  readonly contextOf: () => Context;
  readonly told: Told | undefined;
  readonly behind: () => void;
}

/** Read the form, which is short, and answer what is kept; whoever is behind gets what was read. Of one that breaks off nobody hears. */
function statusAnswered(incoming: IncomingMessage, outgoing: ServerResponse, { before, contextOf, told, behind }: Posted): true {
  const since = performance.now();
  const read: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => void read.push(chunk));
  incoming.once('end', () => {
    const body = read.length === 1 ? (read[0] as Buffer) : Buffer.concat(read);
    const mark = plainMark(body.toString('latin1'));
    const { host = '' } = incoming.headers;
    const kept = mark === undefined ? undefined : find(contextOf, aboutMark(`${before}${host}${incoming.url}`, mark));
    const ready = kept && rendered(kept);
    if (ready === undefined) {
      (incoming as IncomingMessage & { rawBody?: Buffer }).rawBody = body;
      behind();
      return;
    }
    send(outgoing, ready, 200);
    told?.('POST', incoming.url ?? '', 200, since);
  });
  return true;
}

/** A form with nothing but a mark, in which nothing is escaped. */
function plainMark(body: string): string | undefined {
  if (!body.startsWith(STATUS_BODY)) return undefined;
  const mark = body.slice(STATUS_BODY.length);
  return /^[\w.-]+$/.test(mark) ? mark : undefined;
}
