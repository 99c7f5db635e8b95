import type { PlainHead } from '../edge/request-head.js';
import type { Told } from './hot-path.node.js';
import { type HotContext, isKnown, isStatusForm, keptAnswers, markIn, placesOf } from './kept-for.js';
import { type Written, written } from './rendered.node.js';

/** Node encrypts what it is given at once, whoever reads slowly: longer answers go out a piece at a time (bytes). */
const MAX_ENCRYPTED = 64 * 1024;

/**
 * Answers a plain request at once, or as soon as it is known; undefined: the server behind has to.
 * @param body one character a byte
 * @param since when it came (`performance.now()`)
 */
export type PlainAnswers = (head: PlainHead, body: string, since: number) => Written | undefined | Promise<Written | undefined>;

/** The app behind: what it has answered is kept where it may be. Undefined where another one answers. */
export type Behind = (request: Request) => Response | Promise<Response> | undefined;

/**
 * The hot path of a bare connection: what `hotPath` answers of GET and of POST, for whoever asks plainly. What is not kept, of a commit
 * just now, the app is asked for once; if that leads to nothing that is kept, the server behind answers as if nobody had been asked.
 */
export function plainAnswers(contextOf: () => HotContext, scheme: 'http' | 'https', told: Told | undefined, behind: Behind): PlainAnswers {
  const before = `${scheme}://`;
  const arePlace = placesOf();
  const answers = keptAnswers(contextOf);
  return ({ method, target, fields }, body, since) => {
    if (!arePlace(fields.host, target)) return undefined;
    const url = `${before}${fields.host}${target}`;
    const byGet = method === 'GET';
    // Whoever sends a body along with a GET has something unusual in mind.
    if (byGet ? body.length > 0 : !isStatusForm(target, fields['content-type'], body.length)) return undefined;
    const look = (): Written | undefined => {
      const kept = byGet ? answers.get(url, fields) : answers.status(url, body);
      if (kept === undefined || (scheme === 'https' && kept.body.length > MAX_ENCRYPTED)) return undefined;
      const status = byGet && isKnown(kept, fields) ? 304 : 200;
      const answer = written(kept, status);
      if (answer !== undefined) told?.(method, target, status, since);
      return answer;
    };
    return look() ?? afterAsking(behind, questionOf(url, byGet ? undefined : body, fields.accept), look);
  };
}

/** Undefined for what the app could not keep the answer to. @param body of a POST */
function questionOf(url: string, body: string | undefined, accept: string | undefined): Request | undefined {
  if (!URL.canParse(url)) return undefined;
  const headers = { ...(accept !== undefined && { accept }) };
  if (body === undefined) return new Request(url, { headers });
  return markIn(body) === undefined
    ? undefined
    : new Request(url, { method: 'POST', headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' }, body });
}

function afterAsking(behind: Behind, question: Request | undefined, look: () => Written | undefined): ReturnType<PlainAnswers> {
  if (question === undefined) return undefined;
  const response = behind(question);
  if (response === undefined) return undefined;
  const then = (made: Response): Written | undefined => {
    // A long one that is streamed is not kept, and nobody reads this one.
    void made.body?.cancel().catch(() => undefined);
    return made.ok ? look() : undefined;
  };
  return response instanceof Promise ? response.then(then, () => undefined) : then(response);
}
