import { type Context, Hono } from 'hono';
import { federationError } from '../edge/federation-error.js';
import { andThen, type MaybePromise, type ServedAuthority } from '../store/published.js';
import { TROUBLES, troubleIn } from '../store/trouble.js';
import { answer } from './answer.js';
import { AnyPathRouter } from './any-path-router.js';
import { authenticate, type CallerContext } from './caller.js';
import { readForm } from './form.js';
import { type HomePlace, homeTable, serveHome, wantsPage } from './home.js';
import type { KeptAnswer } from './kept-answer.js';
import { MAX_URL, parametersOf, queryOf } from './parameters.js';
import { placeOf, type PublicEndpoint, type Route, routeOf, routeTable } from './routes.js';

export type PublicContext = CallerContext;

/**
 * The public plane: entity configurations, fetch, list, historical keys. It looks stored bytes up and can sign nothing;
 * a layer check makes sure that no key is within reach.
 * @param contextOf per request: on Workers the bindings come with it
 */
export function createPublicApp<Bindings extends object>(contextOf: (bindings: Bindings) => PublicContext): Hono<{ Bindings: Bindings }> {
  // The whole URL is the path: it is read from the request once, and may lead to the answer at once.
  const app = new Hono<{ Bindings: Bindings }>({ router: new AnyPathRouter(), getPath: (request) => request.url });
  let table:
    | { readonly of: readonly ServedAuthority[]; readonly routes: ReadonlyMap<string, Route>; readonly homes: ReadonlyMap<string, HomePlace> }
    | undefined;

  /** Where a URL leads; a response when it leads nowhere, or nothing of it may be served. */
  const find = (c: Context, context: PublicContext): MaybePromise<Route | Response> => {
    const { development } = context;
    return andThen(context.published.authorities(), (authorities) => {
      if (table?.of !== authorities) table = { of: authorities, routes: routeTable(authorities, development), homes: homeTable(authorities, development) };
      const place = placeOf(c.req.path, development);
      const route = routeOf(table.routes, place);
      if (!route) return elsewhere(c, context, table.homes.get(place));
      return route.authority.withheld ? withheld(c) : route;
    });
  };

  /** A page for whoever reads with a browser; who asks for anything else is told what an endpoint tells. */
  const elsewhere = (c: Context, context: PublicContext, home: HomePlace | undefined): MaybePromise<Response> =>
    home && ['GET', 'HEAD'].includes(c.req.method) && wantsPage(c.req.raw.headers.get('accept')) ? serveHome(c, context, home) : nowhere(c);

  /** Before the first authority is made there is nothing to say "not found" about. */
  const nowhere = (c: Context): Response =>
    table?.of.length === 0
      ? federationError(c, 'temporarily_unavailable', 'no authority has been set up yet', { 'retry-after': '60' })
      : federationError(c, 'not_found', 'no entity of this deployment answers here');

  function get(c: Context, context: PublicContext): MaybePromise<Response> {
    const { published } = context;
    const era = published.begin();
    const url = c.req.path;
    // The hot path: a usual spelling of the same question, nothing committed since. Everything from begin() to spell() is
    // synchronous on Node, so no commit can fall in between and leave an old answer behind.
    const kept = published.spelled<KeptAnswer>(url)?.again(c, context.now());
    if (kept) return kept;
    if (url.length > MAX_URL) return tooLong(c);
    return andThen(find(c, context), (route) => {
      if (route instanceof Response) return route;
      if (!methodsOf(route).includes('GET'))
        return federationError(c, 'invalid_request', 'the status of a trust mark is asked for by POST', { allow: allowed(route) }, 405);
      if (modeOf(route) === 'required')
        return federationError(c, 'invalid_client', 'this endpoint asks for client authentication: POST a private_key_jwt assertion');
      const parameters = parametersOf(queryOf(url));
      if (typeof parameters === 'string') return federationError(c, 'invalid_request', parameters);
      return answer(c, context, route, { parameters, url, era });
    });
  }

  async function post(c: Context, context: PublicContext): Promise<Response> {
    const era = context.published.begin();
    if (c.req.path.length > MAX_URL) return tooLong(c);
    const route = await find(c, context);
    if (route instanceof Response) return route;
    const mode = modeOf(route);
    const byPost = route.endpoint === 'trust_mark_status';
    if (!methodsOf(route).includes('POST'))
      return federationError(c, 'invalid_request', 'this endpoint takes unauthenticated GET requests only', { allow: allowed(route) }, 405);
    const form = await readForm(c);
    if (!(form instanceof URLSearchParams)) return federationError(c, 'invalid_request', form.description, form.headers, form.status);
    if (byPost && (mode === 'none' || (mode === 'optional' && !form.has('client_assertion')))) {
      context.published.begin();
      return answer(c, context, route, { parameters: form, posted: c.req.path, era });
    }
    const caller = await authenticate(context, route.authority, form);
    if (!caller.ok) return federationError(c, caller.error, caller.description, caller.error === 'temporarily_unavailable' ? { 'retry-after': '60' } : {});
    context.published.begin(); // a member may have been cut off while its assertion was verified
    return answer(c, context, route, { parameters: form, caller: caller.entityId });
  }

  const other = (c: Context, context: PublicContext): MaybePromise<Response> => {
    context.published.begin();
    if (c.req.path.length > MAX_URL) return tooLong(c);
    return andThen(find(c, context), (route) => {
      if (route instanceof Response) return route;
      if (c.req.method === 'OPTIONS') return c.body(null, 204, preflight(route));
      return federationError(c, 'invalid_request', `${c.req.method.slice(0, 20)} is not supported here`, { allow: allowed(route) }, 405);
    });
  };

  // One handler a method (HEAD is GET to Hono): a single match runs without composing a chain.
  app.get('*', (c) => get(c, contextOf(c.env)));
  app.post('*', (c) => post(c, contextOf(c.env)));
  app.options('*', (c) => other(c, contextOf(c.env)));
  app.notFound((c) => other(c, contextOf(c.env as Bindings)));
  app.onError((error, c) => {
    const trouble = troubleIn(error);
    if (trouble !== undefined) return unavailable(c, TROUBLES[trouble]);
    console.error(JSON.stringify({ level: 'error', msg: 'public request failed', error: error.message }));
    return federationError(c, 'server_error', 'the request could not be answered');
  });
  return app;
}

/** After a restore: what was cut off since the backup would be vouched for again. */
const withheld = (c: Context): Response =>
  federationError(c, 'temporarily_unavailable', 'this deployment was restored from a backup, and its operator has not confirmed yet that nothing is missing', {
    'retry-after': '120',
  });

const tooLong = (c: Context): Response => federationError(c, 'invalid_request', `the URL has more than ${MAX_URL} characters`, {}, 414);

/** The store's own trouble passes (§8.9): nothing is wrong with the request, and nothing was changed. */
const unavailable = (c: Context, { says, retryAfter }: (typeof TROUBLES)[keyof typeof TROUBLES]): Response =>
  federationError(c, 'temporarily_unavailable', `${says}; try again shortly`, { 'retry-after': String(retryAfter) });

/** What anybody is answered, whoever he is. */
const ANYBODYS = ['configuration', 'hosted', 'head', 'checkpoint', 'audit_keys', 'client', 'status_list', 'agent'] as const;
const isAnybodys = (endpoint: PublicEndpoint): endpoint is (typeof ANYBODYS)[number] => (ANYBODYS as readonly string[]).includes(endpoint);

const modeOf = ({ endpoint, authority }: Route) => (isAnybodys(endpoint) ? 'none' : (authority.clientAuth[endpoint] ?? 'none'));

/** Authenticated requests are always POST (OpenID Federation 1.0 §8.8); the status of a mark is asked for by POST (§8.4). */
function methodsOf(route: Route): readonly string[] {
  if (route.endpoint === 'trust_mark_status') return ['POST'];
  return modeOf(route) === 'none' ? ['GET', 'HEAD'] : ['GET', 'HEAD', 'POST'];
}
const allowed = (route: Route): string => methodsOf(route).join(', ');

const preflight = (route: Route) => ({
  'access-control-allow-origin': '*',
  'access-control-allow-methods': `${allowed(route)}, OPTIONS`,
  'access-control-allow-headers': 'content-type, if-none-match',
  'access-control-max-age': '86400',
});
