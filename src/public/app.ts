import { type Context, Hono } from 'hono';
import { federationError } from '../edge/federation-error.js';
import { AnyPathRouter } from './any-path-router.js';
import { andThen, type MaybePromise, type ServedArtefact, type ServedAuthority } from '../store/published.js';
import { authenticate, type CallerContext } from './caller.js';
import { serveExtendedList } from './extended-list.js';
import { serveList } from './list.js';
import { one } from './parameters.js';
import { refuseResolution, resolveFromStore } from './resolve.js';
import { placeOf, type Route, routeTable } from './routes.js';
import { type Ready, ready, servePrivately, serveReady } from './serve-artefact.js';
import { serveMarkedEntities, serveMarkStatus } from './trust-marks.js';

export type PublicContext = CallerContext;

const MAX_FORM_BYTES = 64 * 1024;

/**
 * The public plane: entity configurations, fetch, list, historical keys. It looks stored bytes up and can sign nothing;
 * a layer check makes sure that no key is within reach.
 * @param contextOf per request: on Workers the bindings come with it
 */
export function createPublicApp<Bindings extends object>(contextOf: (bindings: Bindings) => PublicContext): Hono<{ Bindings: Bindings }> {
  // The whole URL is the path: it is read from the request once, and is the key of what is kept.
  const app = new Hono<{ Bindings: Bindings }>({ router: new AnyPathRouter(), getPath: (request) => request.url });
  let table: { readonly of: readonly ServedAuthority[]; readonly routes: ReadonlyMap<string, Route> } | undefined;

  const find = (context: PublicContext, url: string): MaybePromise<Route | undefined> => {
    const byHost = !context.development;
    return andThen(context.published.authorities(), (authorities) => {
      if (table?.of !== authorities) table = { of: authorities, routes: routeTable(authorities, byHost) };
      return table.routes.get(placeOf(url, byHost));
    });
  };

  /** Before the first authority is made there is nothing to say "not found" about. */
  const nowhere = (c: Context): Response =>
    table?.of.length === 0
      ? federationError(c, 'temporarily_unavailable', 'no authority has been set up yet', { 'retry-after': '60' })
      : federationError(c, 'not_found', 'no entity of this deployment answers here');

  function get(c: Context, context: PublicContext): MaybePromise<Response> {
    const { published } = context;
    published.begin();
    const url = c.req.path;
    // The hot path: the same URL, nothing committed since. Everything from begin() to remember() is synchronous on Node,
    // so no commit can fall in between and leave an old answer behind.
    const kept = published.remembered<Ready>(url);
    if (kept) return serveReady(c, kept, context.now());
    return andThen(find(context, url), (route) => {
      if (!route) return nowhere(c);
      if (route.endpoint === 'trust_mark_status')
        return federationError(c, 'invalid_request', 'the status of a trust mark is asked for by POST', { allow: 'POST' }, 405);
      if (modeOf(route) === 'required')
        return federationError(c, 'invalid_client', 'this endpoint asks for client authentication: POST a private_key_jwt assertion');
      return serve(c, context, route, { keepAs: url });
    });
  }

  async function post(c: Context, context: PublicContext): Promise<Response> {
    context.published.begin();
    const route = await find(context, c.req.path);
    if (!route) return nowhere(c);
    const mode = modeOf(route);
    const byPost = route.endpoint === 'trust_mark_status';
    if (mode === 'none' && !byPost)
      return federationError(c, 'invalid_request', 'this endpoint takes unauthenticated GET requests only', { allow: 'GET, HEAD' }, 405);
    const form = await readForm(c);
    if (typeof form === 'string') return federationError(c, 'invalid_request', form);
    if (byPost && (mode === 'none' || (mode === 'optional' && !form.has('client_assertion')))) return serve(c, context, route, { form });
    const caller = await authenticate(context, route.authority, form);
    if (!caller.ok) return federationError(c, caller.error, caller.description, caller.error === 'temporarily_unavailable' ? { 'retry-after': '60' } : {});
    context.published.begin(); // a member may have been cut off while its assertion was verified
    return serve(c, context, route, { form, caller: caller.entityId });
  }

  // One handler a method (HEAD is GET to Hono): a single match runs without composing a chain.
  app.get('*', (c) => get(c, contextOf(c.env)));
  app.post('*', (c) => post(c, contextOf(c.env)));
  app.options('*', (c) =>
    c.body(null, 204, { 'access-control-allow-origin': '*', 'access-control-allow-methods': 'GET, HEAD, OPTIONS', 'access-control-max-age': '86400' }),
  );
  app.notFound((c) => federationError(c, 'invalid_request', `${c.req.method} is not supported here`, { allow: 'GET, HEAD, POST, OPTIONS' }, 405));
  app.onError((error, c) => {
    console.error(JSON.stringify({ level: 'error', msg: 'public request failed', error: error.message }));
    return federationError(c, 'server_error', 'the request could not be answered');
  });
  return app;
}

const modeOf = ({ endpoint, authority }: Route) =>
  endpoint === 'configuration' || endpoint === 'hosted' ? 'none' : (authority.clientAuth[endpoint] ?? 'none');

/** Bytes that kept headers cost. */
const READY_BYTES = 400;

/**
 * How a request came: by GET, its answer kept under the URL; or by POST, with client authentication or where the standard
 * says POST, its answer kept by nobody.
 */
type Asked =
  | { readonly keepAs: string; readonly form?: undefined; readonly caller?: undefined }
  | { readonly form: URLSearchParams; readonly keepAs?: undefined; readonly caller?: string };

function serve(
  c: Context,
  { published, inbox, now, development }: PublicContext,
  { authority, endpoint }: Route,
  { keepAs, form, caller }: Asked,
): MaybePromise<Response> {
  const time = now();
  const authenticated = caller !== undefined;
  const query = () => form ?? new URL(c.req.path).searchParams;
  const give = (found: ServedArtefact): Response => {
    if (keepAs === undefined) return servePrivately(c, found, time);
    const kept = ready(found);
    published.remember(keepAs, kept, keepAs.length * 2 + READY_BYTES);
    return serveReady(c, kept, time);
  };
  const stored = (kind: 'entity_configuration' | 'historical_keys' | 'statement' | 'mark' | 'hosted', key: string, missing: string) =>
    andThen(published.artefact(authority.id, kind, key), (found) => (found ? give(found) : federationError(c, 'not_found', missing)));
  switch (endpoint) {
    case 'configuration':
      return stored('entity_configuration', '', 'this entity publishes no configuration');
    case 'historical_keys':
      return stored('historical_keys', '', 'this entity publishes no historical keys');
    case 'list':
      return serveList(c, published, authority, query(), time, authenticated);
    case 'extended_list':
      return serveExtendedList(c, published, authority, query(), { now: time, authenticated, development });
    case 'hosted': {
      const sub = one(query(), 'sub');
      if (!sub.ok) return federationError(c, 'invalid_request', sub.description);
      return stored('hosted', sub.value, 'this entity hosts no such configuration');
    }
    case 'fetch': {
      const sub = one(query(), 'sub');
      if (!sub.ok) return federationError(c, 'invalid_request', sub.description);
      if (sub.value === authority.entityId)
        return federationError(c, 'invalid_request', 'sub is this entity itself; its configuration is at its well-known URL');
      return stored('statement', sub.value, 'this entity has no such subordinate');
    }
    case 'resolve': {
      const asked = query();
      return andThen(resolveFromStore(published, authority, asked), (found) => {
        if (!found.ok) return refuseResolution(c, authority, asked, found, { inbox, now: time, development, caller });
        return give(found.artefact);
      });
    }
    case 'trust_mark': {
      const asked = query();
      const [type, sub] = [one(asked, 'trust_mark_type'), one(asked, 'sub')];
      if (!type.ok) return federationError(c, 'invalid_request', type.description);
      if (!sub.ok) return federationError(c, 'invalid_request', sub.description);
      return stored('mark', `${type.value}\n${sub.value}`, 'that entity has no such trust mark from this one');
    }
    case 'trust_mark_list':
      return serveMarkedEntities(c, published, authority, query(), time, authenticated);
    case 'trust_mark_status':
      return serveMarkStatus(c, published, authority, query(), time);
  }
}

async function readForm(c: Context): Promise<URLSearchParams | string> {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') return 'the body is not application/x-www-form-urlencoded';
  if (Number(c.req.header('content-length') ?? 0) > MAX_FORM_BYTES) return `the body has more than ${MAX_FORM_BYTES} bytes`;
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of (c.req.raw.body ?? []) as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_FORM_BYTES) return `the body has more than ${MAX_FORM_BYTES} bytes`;
  }
  return new URLSearchParams(text);
}
