import type { Call, ResourceServer } from './resource-server.js';

/** What is used of a request and a response of Express, by shape. */
export interface ExpressRequest {
  readonly headers: { readonly authorization?: string | undefined; readonly dpop?: string | readonly string[] | undefined };
  readonly method?: string;
  /** As it came in; what is mounted sees less in `url`. */
  readonly originalUrl?: string;
  readonly url?: string;
  call?: Call;
}
export interface ExpressResponse {
  status(code: number): this;
  set(name: string, value: string): this;
  json(body: unknown): unknown;
}

/** Middleware for Express and whoever has its form: what follows finds the call at `request.call`. */
export const expressGuard =
  (server: ResourceServer, scopes: readonly string[] = []) =>
  (request: ExpressRequest, response: ExpressResponse, next: (error?: unknown) => void): void => {
    const { method = '', originalUrl, url = '', headers } = request;
    const proof = typeof headers.dpop === 'string' ? headers.dpop : undefined;
    server.check(headers.authorization, scopes, { method, path: originalUrl ?? url, proof }).then((checked) => {
      if (checked.ok) {
        request.call = checked.call;
        return next();
      }
      for (const [name, value] of Object.entries(checked.headers)) response.set(name, value);
      return response.status(checked.status).json(checked.body);
    }, next);
  };

/** The metadata (RFC 9728 §3.2), to be answered at the path of `server.metadataUrl`. */
export const expressMetadata =
  (server: ResourceServer) =>
  (_request: unknown, response: ExpressResponse): void =>
    void response.set('cache-control', 'max-age=60').json(server.metadata);
