import { OpenAPIHono } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { secureHeaders } from 'hono/secure-headers';
import { errorToProblem, problem } from '../admin/errors.js';
import { madeOnce } from '../edge/made-once.js';
import { parseJson } from '../federation/strict-json.js';
import type { Deployment } from '../operations/call.js';
import { NotAuthenticated, type Spend } from '../operations/join/authenticate-member.js';
import { paceAddress, TooMany } from '../operations/join/pace.js';
import { agentEndpoints } from './agents.js';
import { joinEndpoints } from './applications.js';
import { type JoinApp, type JoinEnv, NoSecret } from './context.js';
import { FORM, INTROSPECTION, registeringEndpoints } from './registering.js';
import { paceRead } from '../operations/join/pace-reads.js';
import { TAGS } from './wire.js';
import { JOIN_BASE } from './base.js';

const MAX_BODY_BYTES = 128 * 1024;

const ABOUT = {
  openapi: '3.1.0',
  servers: [{ url: '/', description: 'The server that this document comes from' }],
  info: {
    title: 'Holdfast join API',
    version: '1',
    description:
      'Apply for membership with a join link; as a member, have software statements and initial access tokens issued and keep agents; as an authorization server, tell what was registered. Errors are RFC 9457 problem details with a stable code.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
};

/** Of one request: the deployment, and the address of whoever sent it, where that is known. */
export interface JoinSide {
  deploymentOf(bindings: object): Promise<Deployment> | Deployment;
  addressOf(request: Request, bindings: object): string | undefined;
  /** Where assertions of members are spent; without one no member is let in. */
  inboxOf?(bindings: object): Spend | undefined;
}

/** The join API: what strangers, members and the authorization servers among those may do. It knows no operator and no API key. */
export function createJoinApp({ deploymentOf, addressOf, inboxOf }: JoinSide): JoinApp {
  const app: JoinApp = new OpenAPIHono<JoinEnv>({
    defaultHook: (result, c) => {
      if (result.success) return undefined;
      const whole = result.target === 'query' ? 'query' : 'body';
      const issues = result.error.issues.map((issue) => `${issue.path.join('/') || whole}: ${issue.message}`);
      return problem(c, 400, 'invalid_request', issues.join('; ').slice(0, 2000));
    },
  }).basePath(JOIN_BASE) as unknown as JoinApp;
  app.openAPIRegistry.registerComponent('securitySchemes', 'link', { type: 'http', scheme: 'bearer', description: 'The secret of a join link' });
  app.openAPIRegistry.registerComponent('securitySchemes', 'application', { type: 'http', scheme: 'bearer', description: 'The token of an application' });
  app.openAPIRegistry.registerComponent('securitySchemes', 'member', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description:
      'A client assertion (private_key_jwt) under a Federation Entity Key of a member in force: `aud` the Entity Identifier of the authority, at most five minutes, once',
  });
  app.use(secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"] } }));
  app.get(
    '/openapi.json',
    madeOnce('application/json', () => JSON.stringify(app.getOpenAPI31Document(ABOUT))),
  );
  app.use(async function withDeployment(c, next) {
    if (c.req.path.includes('%00')) return problem(c, 400, 'invalid_request', 'the path holds U+0000, which no text here may');
    c.set('deployment', await deploymentOf(c.env));
    c.set('inbox', inboxOf?.(c.env));
    return next();
  });
  // Whatever it is that is asked, and however wrong: guessing is asking too.
  app.use(async function pace(c, next) {
    const address = addressOf(c.req.raw, c.env);
    if (isRead(c.req.method)) paceRead(c.var.deployment, address);
    else await paceAddress(c.var.deployment, address);
    return next();
  });
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES, onError: (c) => problem(c, 413, 'payload_too_large', `a body has at most ${MAX_BODY_BYTES} bytes`) }));
  app.use(async function strictJson(c, next) {
    if (isRead(c.req.method)) return next();
    const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
    // What a standard has as a form reads it itself (RFC 7662 §2.1).
    if (c.req.path === `${JOIN_BASE}${INTROSPECTION}`) return type === FORM ? next() : problem(c, 415, 'unsupported_media_type', `send ${FORM}`);
    const text = await c.req.text();
    if (text === '' && c.req.method === 'DELETE') return next();
    if (type !== 'application/json') return problem(c, 415, 'unsupported_media_type', 'send application/json');
    const json = parseJson(text, 'body');
    if (!json.ok) return problem(c, 400, 'invalid_request', `the body is not accepted: ${json.findings[0]?.detail}`, json.findings);
    return next();
  });
  // First what has a name: a join link is whatever else there is.
  registeringEndpoints(app);
  agentEndpoints(app);
  joinEndpoints(app);
  app.notFound((c) => problem(c, 404, 'not_found', `there is no ${c.req.method} here; see ${JOIN_BASE}/openapi.json`));
  app.onError((error, c) => {
    if (error instanceof NoSecret) return problem(c, 401, 'unauthenticated', error.message, [], { 'www-authenticate': 'Bearer realm="holdfast join"' });
    if (error instanceof NotAuthenticated)
      return problem(c, 401, 'unauthenticated', error.message, [], { 'www-authenticate': 'Bearer realm="holdfast join", error="invalid_token"' });
    if (error instanceof TooMany) return problem(c, 429, 'rate_limited', error.message, [], { 'retry-after': String(error.retryAfter) });
    return errorToProblem(c, error);
  });
  return app;
}

const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD';
