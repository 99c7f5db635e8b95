import type { Call, ResourceServer } from './resource-server.js';

/** What is used of a context of Hono, by shape. */
export interface HonoContext {
  readonly req: { readonly method?: string; readonly path?: string; header(name: string): string | undefined };
  set(name: 'call', value: Call): void;
}

/** Middleware for Hono and whoever has its form: what follows finds the call at `c.get('call')`. */
export const honoGuard =
  (server: ResourceServer, scopes: readonly string[] = []) =>
  async (c: HonoContext, next: () => Promise<void>): Promise<Response | undefined> => {
    const { method = '', path = '' } = c.req;
    const checked = await server.check(c.req.header('authorization'), scopes, { method, path, proof: c.req.header('dpop') });
    if (!checked.ok) return Response.json(checked.body, { status: checked.status, headers: checked.headers });
    c.set('call', checked.call);
    await next();
    return undefined;
  };

/** The metadata (RFC 9728 §3.2), to be answered at the path of `server.metadataUrl`. */
export const honoMetadata = (server: ResourceServer) => (): Response => Response.json(server.metadata, { headers: { 'cache-control': 'max-age=60' } });
