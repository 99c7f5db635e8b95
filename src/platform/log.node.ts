import { type Logger, pino } from 'pino';
import { type Asking, actorOf } from '../edge/actor-of.js';

/** What a pipe takes at once, and never mixes with what another process writes into it (POSIX: `PIPE_BUF`). */
const UNMIXED_BYTES = 4096;

/**
 * JSON lines on stderr. Never a JWT, a token or a query string.
 * @param of which of several processes that write into the same log; 0: the one that signs; undefined: there is one alone
 */
export const createLog = (level: string, of?: number): Logger =>
  pino(
    { level, base: of ? { worker: of } : null, timestamp: pino.stdTimeFunctions.isoTime, redact: ['token', 'authorization'] },
    pino.destination({ fd: 2, sync: false, ...(of !== undefined && { maxWrite: UNMIXED_BYTES }) }),
  );

/** Characters of a path in a line: a stranger does not choose how long our log is. */
const MAX_PATH = 300;

/** Secrets of ours in a path: a join link whose `#` somebody has encoded, a token that was put where an id belongs. */
const SECRET = /hf[a-z]?_[\w-]{16,}/g;

/** How long lines of requests wait for each other (milliseconds): one write serves them all. */
const TOGETHER_MS = 20;
const TOGETHER_BYTES = 32 * 1024;

/** One line a request: method, path without query, status, milliseconds; of a write by a key also whose it was. */
export interface RequestLines {
  /** @param path with a query or without @param since when the request came (`performance.now()`) */
  add(method: string, path: string, status: number, since: number, actor?: Asking): void;
  /** Write what waits. */
  flush(): void;
}

const writerOf = (log: Logger) => {
  const stream = (log as unknown as Record<symbol, { write(text: string): void }>)[pino.symbols.streamSym];
  return (text: string) => void stream?.write(text);
};

/**
 * Undefined where nobody wants to know.
 * @param write where the log goes to, by default
 * @param of as with `createLog`
 */
export function requestLines(log: Logger, write: (text: string) => void = writerOf(log), of?: number): RequestLines | undefined {
  if (!log.isLevelEnabled('info')) return undefined;
  const atMost = of === undefined ? TOGETHER_BYTES : UNMIXED_BYTES;
  const whichOne = of ? `"worker":${of},` : '';
  let waiting = '';
  let timer: NodeJS.Timeout | undefined;
  let at = 0;
  let head = '';
  const asked = askedTexts();
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const lines = waiting;
    waiting = '';
    if (lines) write(lines);
  };
  return {
    flush,
    add(method, path, status, since, actor) {
      const time = Date.now();
      if (time !== at) {
        at = time;
        head = `{"level":30,"time":"${new Date(time).toISOString()}",${whichOne}"method":`;
      }
      const ms = Math.round((performance.now() - since) * 10) / 10;
      const whose = actor ? `,"actor":${JSON.stringify(actor.id)},"actor_name":${JSON.stringify(actor.name)}` : '';
      const line = `${head}${asked(method, bare(path))},"status":${status},"ms":${ms}${whose},"msg":"request"}\n`;
      if (waiting.length + line.length > atMost) flush();
      waiting += line;
      if (waiting.length > TOGETHER_BYTES) flush();
      else timer ??= setTimeout(flush, TOGETHER_MS);
    },
  };
}

function bare(path: string): string {
  const query = path.indexOf('?');
  return query === -1 ? path : path.slice(0, query);
}

const shown = (path: string): string => (path.includes('hf') ? path.replace(SECRET, 'hf_…') : path).slice(0, MAX_PATH);

/** Endpoints are few, and asked for again and again. */
const MAX_KNOWN = 256;
const MAX_KNOWN_PATH = 100;

/** Method and path as they stand in a line. @returns takes a path without query */
function askedTexts(): (method: string, path: string) => string {
  const known = new Map<string, string>();
  return (method, path) => {
    const plain = known.get(path);
    if (plain !== undefined && method === 'GET') return plain;
    const text = `${JSON.stringify(method)},"path":${JSON.stringify(shown(path))}`;
    if (method === 'GET' && path.length <= MAX_KNOWN_PATH) {
      if (known.size >= MAX_KNOWN) known.clear();
      known.set(path, text);
    }
    return text;
  };
}

/** Whoever watches the process asks all the time. */
const isWatch = (path: string): boolean => path === '/healthz' || path === '/readyz';

export function logRequests(lines: RequestLines | undefined, next: (request: Request, env?: object) => Response | Promise<Response>) {
  if (!lines) return next;
  return async (request: Request, env?: object): Promise<Response> => {
    const since = performance.now();
    const response = await next(request, env);
    const path = request.url.slice(request.url.indexOf('/', 8));
    if (isWatch(bare(path))) return response;
    const actor = request.method === 'GET' || request.method === 'HEAD' ? undefined : actorOf(request);
    lines.add(request.method, path, response.status, since, actor);
    return response;
  };
}
