/** What the tests use of it; its own package has no types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  interface Stored {
    save(ttl?: number): Promise<string>;
    addOIDCScope(scope: string): void;
  }
  type Model = new (of: object) => Stored;

  // biome-ignore lint/style/noDefaultExport: that is how it exports itself
  export default class Provider {
    static readonly ctx: unknown;
    constructor(issuer: string, configuration: object);
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
    readonly Client: { find(id: string): Promise<object | undefined> };
    readonly Grant: Model;
    readonly AccessToken: Model;
    readonly RefreshToken: Model;
  }
}
