import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Call, Deployment } from '../operations/call.js';

export interface AdminEnv {
  Bindings: object;
  /** `secrets`: members of the answer that a rehearsal leaves out. */
  Variables: { deployment: Deployment; call: Call<unknown>; secrets?: readonly string[] };
}
export type AdminApp = OpenAPIHono<AdminEnv>;
export type AdminContext = Context<AdminEnv>;

/** The JSON body after zod: the route's schema is its type. */
export const validJson = <T>(c: AdminContext): T => c.req.valid('json' as never) as T;
export const validQuery = <T>(c: AdminContext): T => c.req.valid('query' as never) as T;

/** A path parameter that the route declares. */
export const param = (c: AdminContext, name: string): string => c.req.param(name as never) as unknown as string;
