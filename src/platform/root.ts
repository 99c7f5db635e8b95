import { Hono } from 'hono';
import { ADMIN_BASE } from '../admin/base.js';
import { JOIN_BASE } from '../join/base.js';
import { chain, onChange, type Readiness } from './health.js';

interface Fetcher {
  fetch(request: Request, env?: object): Response | Promise<Response>;
}

/** Where a path begins in an absolute URL. */
const pathFrom = (url: string): number => url.indexOf('/', 8);
const isUnder = (url: string, path: string, from: number): boolean => url.startsWith(path, from) && ['', '/', '?'].includes(url.charAt(from + path.length));
const NOT_PUBLIC = [ADMIN_BASE, JOIN_BASE, '/healthz', '/readyz'];

/** Whether something else than the public plane answers there. @param from where the path begins */
export const isElsewhere = (url: string, from = 0): boolean => NOT_PUBLIC.some((path) => isUnder(url, path, from));

/** The public plane, where `createRoot` would let it answer. */
export const publicOf =
  (publicApp: Fetcher) =>
  (request: Request): Response | Promise<Response> | undefined =>
    isElsewhere(request.url, pathFrom(request.url)) ? undefined : publicApp.fetch(request);

/**
 * Which app answers a request. Plain string comparison in front of the apps: the public plane is the hot path.
 * @param tell why the process is not ready, and that it is again, whenever that changes: for the log, whoever asks is not told
 */
export function createRoot({
  admin,
  join,
  publicApp,
  readiness,
  tell = () => undefined,
}: {
  readonly admin: Fetcher | undefined;
  readonly join?: Fetcher | undefined;
  readonly publicApp: Fetcher;
  readonly readiness: (env: object) => Promise<Readiness>;
  readonly tell?: (found: Readiness) => void;
}) {
  const told = onChange(tell);
  const health = new Hono<{ Bindings: object }>();
  health.get('/healthz', (c) => c.json({ status: 'ok' }, 200, { 'cache-control': 'no-store' }));
  health.get('/readyz', async (c) => {
    // What cannot even be looked at is not ready: a store that does not answer, a start that failed.
    const { ready, checks } = told(
      await readiness(c.env).catch((error: unknown): Readiness => ({ ready: false, checks: { store: 'failing' }, reasons: { store: chain(error) } })),
    );
    return c.json({ status: ready ? 'ready' : 'not ready', checks }, ready ? 200 : 503, { 'cache-control': 'no-store' });
  });
  return (request: Request, env: object = {}): Response | Promise<Response> => {
    const { url } = request;
    const from = pathFrom(url);
    const under = (path: string) => isUnder(url, path, from);
    if (admin && under(ADMIN_BASE)) return admin.fetch(request, env);
    if (join && under(JOIN_BASE)) return join.fetch(request, env);
    if (under('/healthz') || under('/readyz')) return health.fetch(request, env);
    return publicApp.fetch(request, env);
  };
}
