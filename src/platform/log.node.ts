import { type Logger, pino } from 'pino';
import { actorOf } from '../edge/actor-of.js';

/** JSON lines on stderr. Never a JWT, a token or a query string. */
export const createLog = (level: string): Logger =>
  pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, redact: ['token', 'authorization'] }, pino.destination({ fd: 2, sync: false }));

/** Characters of a path in a line: a stranger does not choose how long our log is. */
const MAX_PATH = 300;

/** Secrets of ours in a path: a join link whose `#` somebody has encoded, a token that was put where an id belongs. */
const SECRET = /hf[a-z]?_[\w-]{16,}/g;

/** One line a request: method, path without query, status, milliseconds; of a write by a key also whose it was. */
export function logRequests(log: Logger, next: (request: Request, env?: object) => Response | Promise<Response>) {
  if (!log.isLevelEnabled('info')) return next;
  return async (request: Request, env?: object): Promise<Response> => {
    const start = performance.now();
    const response = await next(request, env);
    const path = request.url.slice(request.url.indexOf('/', 8)).split('?')[0]?.replace(SECRET, 'hf_…').slice(0, MAX_PATH);
    if (path !== '/healthz' && path !== '/readyz') {
      const actor = request.method === 'GET' || request.method === 'HEAD' ? undefined : actorOf(request);
      const ms = Math.round((performance.now() - start) * 10) / 10;
      log.info({ method: request.method, path, status: response.status, ms, ...(actor && { actor: actor.id, actor_name: actor.name }) }, 'request');
    }
    return response;
  };
}
