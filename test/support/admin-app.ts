import { createAdminApp } from '../../src/admin/app.js';
import type { Deployment } from '../../src/operations/call.js';

/** Building the app costs more than most requests to it: one for all tests of a file, which say with each request whose it is. */
let app: ReturnType<typeof createAdminApp> | undefined;

/** What the admin API of a deployment answers. */
export function askAdmin(deployment: Deployment, url: string | Request, init?: RequestInit): Promise<Response> {
  app ??= createAdminApp((bindings) => bindings as Deployment);
  return Promise.resolve(app.request(url, init, deployment));
}
