/** `holdfast/rp/resource-server`: the check of a protected resource, for Hono- and Express-style servers. */
export type { BoundRequest } from './dpop.js';
export { type ExpressRequest, type ExpressResponse, expressGuard, expressMetadata } from './express.js';
export { type HonoContext, honoGuard, honoMetadata } from './hono.js';
export {
  type Call,
  type CallContext,
  type Checked,
  createResourceServer,
  type ResourceServer,
  type ResourceServerOptions,
} from './resource-server.js';
export type { Introspect } from './introspection.js';
export { type JwtAccessTokenOptions, jwtAccessTokens } from './jwt-access-tokens.js';
