import { auditEndpoints } from './audit.js';
import { OpenAPIHono } from '@hono/zod-openapi';
import { bodyLimit } from 'hono/body-limit';
import { secureHeaders } from 'hono/secure-headers';
import { quote } from '../federation/finding.js';
import { parseJson } from '../federation/strict-json.js';
import type { Deployment } from '../operations/call.js';
import { applicationEndpoints } from './applications.js';
import { agentAuthorityEndpoints } from './agent-authorities.js';
import { approvalEndpoints } from './approvals.js';
import { authenticate } from './authenticate.js';
import { authorityEndpoints, keyEndpoints } from './authorities.js';
import type { AdminApp, AdminEnv } from './context.js';
import { ABOUT } from './document.js';
import { errorToProblem, problem } from './errors.js';
import { eventEndpoints } from './events.js';
import { joinLinkEndpoints } from './join-links.js';
import { importEndpoints } from './imports.js';
import { markEndpoints } from './marks.js';
import { haltEndpoints } from './halts.js';
import { accreditationEndpoints } from './accreditations.js';
import { evidenceEndpoints, sandboxed, UPLOADS } from './evidence.js';
import { sponsorEndpoints } from './sponsors.js';
import { bindingEndpoints } from './binding.js';
import { cuttingEndpoints } from './cutting.js';
import { memberEndpoints } from './members.js';
import { organizationEndpoints } from './organizations.js';
import { operationEndpoints } from './operations.js';
import { peopleEndpoints } from './people.js';
import { entitlementEndpoints } from './entitlements.js';
import { issuerEndpoints } from './issuers.js';
import { registeringEndpoints } from './registering.js';
import { policyEndpoints } from './policies.js';
import { restoreEndpoints } from './restore.js';
import { resolvingEndpoints } from './resolving.js';
import { listingEndpoints } from './listings.js';
import { statusListEndpoints } from './status-lists.js';
import { watchingEndpoints } from './watching.js';
import { madeOnce } from '../edge/made-once.js';
import { withExamples } from './examples.js';
import { SEARCH_SCRIPT_HASH, viewer } from './viewer.js';
import { ADMIN_BASE } from './base.js';

const MAX_BODY_BYTES = 512 * 1024;
const IMPORT_LINES = /\/imports\/[^/]+\/lines$/;
/** Read as they arrive, each with a limit of its own. */
const streamed = (path: string): boolean => IMPORT_LINES.test(path) || UPLOADS.test(path);

/** The admin API. @param deploymentOf per request: on Workers the bindings come with it */
export function createAdminApp(deploymentOf: (bindings: object) => Promise<Deployment> | Deployment): AdminApp {
  const app: AdminApp = new OpenAPIHono<AdminEnv>({
    defaultHook: (result, c) => {
      if (result.success) return undefined;
      const whole = result.target === 'query' ? 'query' : 'body';
      const issues = result.error.issues.map((issue) => `${issue.path.join('/') || whole}: ${issue.message}`);
      return problem(c, 400, 'invalid_request', issues.join('; ').slice(0, 2000));
    },
  }).basePath(ADMIN_BASE) as unknown as AdminApp;
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', { type: 'http', scheme: 'bearer' });

  app.use(sandboxed);
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: [`'${SEARCH_SCRIPT_HASH}'`],
        styleSrc: ["'unsafe-inline'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
      },
      crossOriginResourcePolicy: 'same-origin',
    }),
  );
  // Made at the first request, when every endpoint is there, and the same bytes from then on: anyone may ask for them.
  app.get(
    '/openapi.json',
    madeOnce('application/json', () => JSON.stringify(withExamples(app.getOpenAPI31Document(ABOUT) as never))),
  );
  app.get(
    '/docs',
    madeOnce('text/html; charset=UTF-8', async () => String(await viewer(withExamples(app.getOpenAPI31Document(ABOUT) as never), ADMIN_BASE))),
  );

  app.use(async function withDeployment(c, next) {
    c.set('deployment', await deploymentOf(c.env));
    return next();
  });
  app.use(authenticate);
  app.use(async function refuseNul(c, next) {
    const [path = '', query = ''] = c.req.url.split('?', 2);
    if (query === '' && !path.includes('%00')) return next();
    const [name] = [...new URLSearchParams(query)].find((one) => one.some((text) => text.includes('\0'))) ?? [];
    if (path.includes('%00') || name !== undefined)
      return problem(c, 400, 'invalid_request', `${name === undefined ? 'the path' : `the parameter ${quote(name)}`} holds U+0000, which no text here may`);
    return next();
  });
  app.use(async function limitBody(c, next) {
    if (streamed(c.req.path)) return next();
    // What says how long it is, is no longer: the body need not be opened for that.
    if (c.req.header('transfer-encoding') === undefined && Number(c.req.header('content-length')) <= MAX_BODY_BYTES) return next();
    return bodyLimit({ maxSize: MAX_BODY_BYTES, onError: () => problem(c, 413, 'payload_too_large', `a body has at most ${MAX_BODY_BYTES} bytes`) })(c, next);
  });
  app.use(async function strictJson(c, next) {
    const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
    if (streamed(c.req.path) || c.req.method === 'GET' || c.req.method === 'HEAD') return next();
    const text = await c.req.text();
    if (text === '') return next();
    if (type !== 'application/json') return problem(c, 415, 'unsupported_media_type', 'send application/json');
    const json = parseJson(text, 'body');
    if (!json.ok) return problem(c, 400, 'invalid_request', `the body is not accepted: ${json.findings[0]?.detail}`, json.findings);
    return next();
  });

  authorityEndpoints(app);
  haltEndpoints(app);
  cuttingEndpoints(app);
  keyEndpoints(app);
  memberEndpoints(app);
  bindingEndpoints(app);
  sponsorEndpoints(app);
  accreditationEndpoints(app);
  evidenceEndpoints(app);
  joinLinkEndpoints(app);
  agentAuthorityEndpoints(app);
  applicationEndpoints(app);
  organizationEndpoints(app);
  importEndpoints(app);
  entitlementEndpoints(app);
  issuerEndpoints(app);
  registeringEndpoints(app);
  statusListEndpoints(app);
  policyEndpoints(app);
  markEndpoints(app);
  resolvingEndpoints(app);
  listingEndpoints(app);
  watchingEndpoints(app);
  eventEndpoints(app);
  auditEndpoints(app);
  operationEndpoints(app);
  peopleEndpoints(app);
  approvalEndpoints(app);
  restoreEndpoints(app);

  app.notFound((c) => problem(c, 404, 'not_found', `there is no ${c.req.method} ${c.req.path.slice(0, 200)}; see ${ADMIN_BASE}/docs`));
  app.onError((error, c) => errorToProblem(c, error));
  return app;
}
