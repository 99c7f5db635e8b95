import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Asked, type HotContext, isKnown, isStatusForm, type KeptAnswers, keptAnswers, placesOf } from './kept-for.js';
import { type Rendered, rendered } from './rendered.node.js';

/** Told of each answer that went out here: method, path without query, status, and since when (`performance.now()`). */
export type Told = (method: string, path: string, status: number, since: number) => void;

/**
 * Answers a request if it can at once.
 * @param behind answers what only turns out later to be unusual, with what was read of it as `rawBody`
 * @returns false: nothing was done, whoever is behind answers
 */
export type HotPath = (incoming: IncomingMessage, outgoing: ServerResponse, behind: () => void) => boolean;

/** What an answer depends on beside the URL. Whoever sends a body has something unusual in mind. */
type Header = 'host' | 'accept' | 'if-none-match' | 'content-length' | 'transfer-encoding';
/** Which of them a name may be, by its length. */
const BY_LENGTH: readonly (Header | undefined)[] = Array.from({ length: 18 }, (_, length) =>
  (['host', 'accept', 'if-none-match', 'content-length', 'transfer-encoding'] as const).find((name) => name.length === length),
);

/** Undefined for what is unusual: a body, or one of these headers twice. */
function read(rawHeaders: readonly string[]): Asked | undefined {
  const asked: { -readonly [name in keyof Asked]: string | undefined } = { host: undefined, accept: undefined, 'if-none-match': undefined };
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const name = rawHeaders[n] as string;
    const maybe = BY_LENGTH[name.length];
    if (maybe === undefined || (name !== maybe && name.toLowerCase() !== maybe)) continue;
    if (maybe === 'content-length' || maybe === 'transfer-encoding' || asked[maybe] !== undefined) return undefined;
    asked[maybe] = rawHeaders[n + 1];
  }
  return asked.host === undefined ? undefined : (asked as Asked);
}

const arePlace = placesOf();

/**
 * In front of the framework: a request by GET or HEAD whose URL, spelled as usual, leads to a kept answer is answered with one
 * look-up and nothing awaited. It answers what the app behind it would, byte for byte; whatever is unusual about a request is left
 * to that one. No commit can fall in between: the look-up and the answer are one synchronous step.
 * @param scheme of this listener
 */
export function hotPath(contextOf: () => HotContext, scheme: 'http' | 'https', told: Told | undefined): HotPath {
  const before = `${scheme}://`;
  const answers = keptAnswers(contextOf);
  return (incoming, outgoing, behind) => {
    const { method, url } = incoming;
    if (url === undefined) return false;
    if (method === 'POST') return isStatusQuestion(incoming) && statusAnswered(incoming, outgoing, { before, answers, told, behind });
    if (method !== 'GET' && method !== 'HEAD') return false;
    const since = told ? performance.now() : 0;
    const asked = read(incoming.rawHeaders);
    // Put together they say what they say apart only when each is what it has to be.
    if (asked === undefined || !arePlace(asked.host, url)) return false;
    const kept = answers.get(`${before}${asked.host}${url}`, asked);
    const ready = kept && rendered(kept);
    if (kept === undefined || ready === undefined) return false;
    const status = isKnown(kept, asked) ? 304 : 200;
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

/** The status of a mark is asked for by the usual headers. */
function isStatusQuestion({ url, headers }: IncomingMessage): boolean {
  return (
    url !== undefined &&
    headers.host !== undefined &&
    arePlace(headers.host, url) &&
    isStatusForm(url, headers['content-type'], Number(headers['content-length'])) &&
    ['transfer-encoding', 'content-encoding', 'expect', 'upgrade'].every((name) => headers[name] === undefined)
  );
}

interface Posted {
  readonly before: string;
  readonly answers: KeptAnswers;
  readonly told: Told | undefined;
  readonly behind: () => void;
}

/** Read the form, which is short, and answer what is kept; whoever is behind gets what was read. Of one that breaks off nobody hears. */
function statusAnswered(incoming: IncomingMessage, outgoing: ServerResponse, { before, answers, told, behind }: Posted): true {
  const since = performance.now();
  const read: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => void read.push(chunk));
  incoming.once('end', () => {
    const body = read.length === 1 ? (read[0] as Buffer) : Buffer.concat(read);
    const { host = '' } = incoming.headers;
    const kept = answers.status(`${before}${host}${incoming.url}`, body.toString('latin1'));
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
