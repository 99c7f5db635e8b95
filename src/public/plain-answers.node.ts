import type { PlainHead } from '../edge/request-head.js';
import type { Told } from './hot-path.node.js';
import { type HotContext, isKnown, isStatusForm, keptAnswers, markIn, placesOf } from './kept-for.js';
import { type Written, written } from './rendered.node.js';

/** Node encrypts what it is given at once, whoever reads slowly: longer answers go out a piece at a time (bytes). */
const MAX_ENCRYPTED = 64 * 1024;

/** After asking the app in vain, how long it is not asked for what is like it (milliseconds): whoever is behind would ask it once more. */
const VAIN_MS = 1000;
/** Of a kind of which something was kept, it is asked for so long, whatever strangers ask beside (milliseconds). */
const KEPT_MS = 10_000;
const MAX_KINDS = 256;

/** What questions of one kind have in common: all but the values of their parameters. */
const kindOf = (target: string): string => target.replace(/=[^&]*/g, '=');

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
 * just now, the app is asked for once; if that leads to nothing that is kept, the server behind answers as if nobody had been asked, and
 * for a while the app is not asked twice for what is like it.
 */
export function plainAnswers(contextOf: () => HotContext, scheme: 'http' | 'https', told: Told | undefined, behind: Behind): PlainAnswers {
  const before = `${scheme}://`;
  const arePlace = placesOf();
  const answers = keptAnswers(contextOf);
  /** By kind of question, what came of asking: until when it is taken to be in vain, until when not (`performance.now()`). */
  const kinds = new Map<string, { vain: number; kept: number }>();
  const note = (kind: string, since: number, found: Written | undefined): Written | undefined => {
    const of = kinds.get(kind) ?? { vain: 0, kept: 0 };
    if (kinds.size >= MAX_KINDS) kinds.clear();
    kinds.set(kind, of);
    if (found) of.kept = since + KEPT_MS;
    else of.vain = since + VAIN_MS;
    return found;
  };
  const isInVain = (kind: string, since: number): boolean => {
    const of = kinds.get(kind);
    return of !== undefined && of.vain > since && of.kept <= since;
  };
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
    const known = look();
    if (known !== undefined) return known;
    const kind = kindOf(target);
    if (isInVain(kind, since)) return undefined;
    const found = afterAsking(behind, questionOf(url, byGet ? undefined : body, fields.accept), look);
    return found instanceof Promise ? found.then((later) => note(kind, since, later)) : note(kind, since, found);
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
