import { createRoute, z } from '@hono/zod-openapi';
import type { JoinApp, JoinContext } from './context.js';
import { problemSchema, type Tag } from './wire.js';

/** What one endpoint is: its contract and its handler side by side. */
export interface Endpoint {
  readonly method: 'get' | 'post' | 'patch' | 'put' | 'delete';
  /** OpenAPI path below /join/v1, with `{parameters}`. */
  readonly path: string;
  readonly tag: Tag;
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** A body of `application/x-www-form-urlencoded` instead. */
  readonly form?: z.ZodType;
  /** The request may come without a body; the handler then sees `{}`. */
  readonly bodyOptional?: boolean;
  readonly response: z.ZodType;
  readonly status?: number;
  /** Whose secret it takes; absent: nobody's. */
  readonly secret?: 'link' | 'application' | 'member';
  /** It takes an Idempotency-Key. */
  readonly repeatable?: boolean;
}

const PARAMETERS: Readonly<Record<string, string>> = {
  link: 'The id of a join link',
  id: 'The id of the application',
  member: 'The id of the member, or its percent-encoded Entity Identifier',
  jti: 'The `jti` of what was issued',
  client: 'The client id at the authorization server, percent-encoded',
  agent: 'The id or the name of the agent',
};
const jsonOf = (schema: z.ZodType, description: string) => ({ content: { 'application/json': { schema } }, description });
const problemOf = (description: string) => ({ content: { 'application/problem+json': { schema: problemSchema } }, description });

const takes = (query: z.ZodObject | undefined): string =>
  query ? `this request takes no parameters but ${Object.keys(query.shape).join(' and ')}` : 'this request takes no parameters';

/** Put an endpoint on the app and into the OpenAPI document. Errors are problem details everywhere. */
export function endpoint(app: JoinApp, one: Endpoint, handler: (c: JoinContext) => Promise<Response>): void {
  const { method, path, tag, operationId, summary, description, query, body, form, bodyOptional = false, response, status = 200, secret, repeatable } = one;
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
  const writes = method !== 'get';
  const route = createRoute({
    method,
    path,
    operationId,
    tags: [tag],
    summary,
    description,
    security: secret ? [{ [secret]: [] }] : [],
    request: {
      ...(names.length && { params: z.object(Object.fromEntries(names.map((name) => [name, z.string().openapi({ description: PARAMETERS[name] ?? name })]))) }),
      ...(repeatable && {
        headers: z.object({ 'idempotency-key': z.string().optional().openapi({ description: 'Sent again it is the same application' }) }),
      }),
      query: z.strictObject(query?.shape ?? {}, { error: (issue) => (issue.code === 'unrecognized_keys' ? takes(query) : undefined) }),
      ...(body && { body: { content: { 'application/json': { schema: body } }, required: !bodyOptional } }),
      ...(form && { body: { content: { 'application/x-www-form-urlencoded': { schema: form } }, required: true } }),
    },
    responses: {
      [status]: jsonOf(response, 'Done'),
      400: problemOf('The request is not valid'),
      ...(secret && { 401: problemOf('No secret was sent') }),
      ...(names.length && { 404: problemOf('There is none, or the secret is another one') }),
      ...(writes && {
        409: problemOf('The state does not permit it'),
        422: problemOf('What was sent does not hold'),
      }),
      429: problemOf('Too many requests; with Retry-After'),
      default: problemOf('Any other failure; with Retry-After when it may pass (503)'),
    },
  });
  app.openapi(route, handler as never);
}
