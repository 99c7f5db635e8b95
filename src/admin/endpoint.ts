import { createRoute, z } from '@hono/zod-openapi';
import { quote } from '../federation/finding.js';
import { nearest } from '../federation/nearest.js';
import { type AdminApp, type AdminContext, validQuery } from './context.js';
import type { Tag } from './document.js';
import { DRY_RUN, dryRunHeaders, dryRunQuery, refusingDryRuns, rehearsable, rehearse } from './dry-run.js';
import { problemSchema } from './wire.js';

/** What one endpoint is: its contract and its handler side by side. */
export interface Endpoint {
  readonly method: 'get' | 'post' | 'patch' | 'put' | 'delete';
  /** OpenAPI path below /admin/v1, with `{parameters}`. */
  readonly path: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** The request may come without a body; the handler then sees `{}`. */
  readonly bodyOptional?: boolean;
  /** A body that is no JSON document, by its media type; the handler reads it as it arrives. */
  readonly streams?: Readonly<Record<string, z.ZodType>>;
  readonly response: z.ZodType;
  readonly status?: number;
  /** With quorum 2 it may take a second person: the first is answered 202. */
  readonly waits?: boolean;
  /** It asks and changes nothing, though it is no GET. */
  readonly reads?: boolean;
  /** Why it takes no `dry_run`, and what does instead; every other operation that writes does. */
  readonly unrehearsed?: string;
  /** Members of the answer that are shown once, because they open something. */
  readonly secrets?: readonly string[];
}

const waitingSchema = z
  .object({
    waiting_for: z.literal(1),
    approval: z.object({ id: z.string(), kind: z.string(), subject: z.string(), digest: z.string() }),
    detail: z.string(),
  })
  .openapi('Waiting', { description: 'It is on record that you want it; nothing else was done, and another person has to approve it' });

const PARAMETERS: Record<string, string> = {
  slug: 'The authority',
  id: 'Our id, or the percent-encoded entity identifier',
  kid: 'The key id',
  version: 'The policy version',
  name: 'The name of the bundle',
  issuer: 'The id of a vouched issuer',
  job: 'The job id',
  type: 'The trust mark type, percent-encoded',
  jti: 'The `jti` of what was issued',
  organization: 'Our id, or the percent-encoded legal name',
  seq: 'The number of the event',
  entity: 'The entity identifier, percent-encoded',
  grant: 'The id of a role grant',
  accreditation: 'The id of the accreditation',
  evidence: 'The id of the evidence',
  link: 'The id of a join link',
  application: 'The id of an application',
  key: 'The RFC 7638 thumbprint of a key, or its kid, percent-encoded',
};

/** A parameter that the contract does not name is refused, on every route: one that is misspelt would silently ask for everything. */
function strictQuery({ shape }: z.ZodObject): z.ZodObject {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined;
      const [name = ''] = issue.keys as readonly string[];
      const meant = nearest(name, known);
      const hint = meant.length ? `did you mean ${meant.join(' or ')}?` : known.length ? `known here are ${known.join(', ')}` : 'there is none here';
      return `${quote(name)} is no parameter of this request; ${hint}`;
    },
  });
}
const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
const singular = (word: string): string => (word === 'People' ? 'Person' : word.replace(/ies$/, 'y').replace(/s$/, ''));

/**
 * `postAuthorityMemberSuspend` for POST /authorities/{slug}/members/{id}/suspend: the method and the path say it, so it stays
 * what it is for as long as they do, and two operations never share one.
 */
export function operationId(method: string, path: string): string {
  const segments = path.split('/').filter(Boolean);
  const words = segments.flatMap((segment, n) => {
    if (segment.startsWith('{')) return [];
    const name = segment.split('-').map(capital).join('');
    return [segments[n + 1]?.startsWith('{') ? singular(name) : name];
  });
  return method + words.join('');
}

const NO_QUERY = z.object({});

const jsonOf = (schema: z.ZodType, description: string) => ({ content: { 'application/json': { schema } }, description });
const problemOf = (description: string) => ({ content: { 'application/problem+json': { schema: problemSchema } }, description });

/** Put an endpoint on the app and into the OpenAPI document. Errors are problem details everywhere. */
export function endpoint(
  app: AdminApp,
  {
    method,
    path,
    tag,
    summary,
    description,
    query = NO_QUERY,
    body,
    bodyOptional = false,
    streams,
    response,
    status = 200,
    waits = false,
    reads,
    unrehearsed,
    secrets = [],
  }: Endpoint,
  handler: (c: AdminContext) => Promise<Response>,
): void {
  const rehearses = method !== 'get' && !reads && unrehearsed === undefined;
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
  const route = createRoute({
    method,
    path,
    operationId: operationId(method, path),
    tags: [tag],
    summary,
    description: description ?? `${summary}.`,
    security: [{ apiKey: [] }],
    ...(unrehearsed !== undefined && { middleware: refusingDryRuns(unrehearsed) }),
    request: {
      ...(names.length && { params: z.object(Object.fromEntries(names.map((name) => [name, z.string().openapi({ description: PARAMETERS[name] ?? name })]))) }),
      query: strictQuery(rehearses ? query.extend(dryRunQuery) : query),
      ...(method !== 'get' && {
        headers: z.object({ 'idempotency-key': z.string().optional().openapi({ description: 'Repeat a request safely: it is carried out once' }) }),
      }),
      ...(body && { body: { content: { 'application/json': { schema: body } }, required: !bodyOptional } }),
      ...(streams && {
        body: { content: Object.fromEntries(Object.entries(streams).map(([type, schema]) => [type, { schema }])), required: true },
      }),
    },
    responses: {
      [status]: jsonOf(response, 'Done'),
      ...(rehearses && {
        200: {
          ...jsonOf(rehearsable({ response, status, waits, secrets }), status === 200 ? 'Done, or what would be' : 'Dry run: what would be'),
          headers: dryRunHeaders,
        },
      }),
      ...(waits && { 202: jsonOf(waitingSchema, 'Quorum 2: it waits for a second person') }),
      400: problemOf('The request is not valid'),
      401: problemOf('No valid API key'),
      403: problemOf('The role or the scope of the key does not permit it'),
      ...(names.length && { 404: problemOf('Not found') }),
      ...(method !== 'get' && { 409: problemOf('The state does not permit it'), 422: problemOf('The rules of the federation are not met') }),
      default: problemOf('Any other failure; with Retry-After when it may pass (503)'),
    },
  });
  const handle = (c: AdminContext) => {
    if (rehearses && validQuery<{ readonly [DRY_RUN]?: string }>(c)[DRY_RUN] === 'true') rehearse(c, secrets);
    return handler(c);
  };
  // What of a request is only described is not looked at: any parameter of a path, any header is a string.
  const { params: _, headers: __, ...checked } = route.request;
  app.openAPIRegistry.registerPath(route);
  app.openapi({ ...route, request: checked, hide: true }, handle as never);
}
