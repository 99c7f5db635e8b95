import { onTestFinished, vi } from 'vitest';
import { askAdmin } from '../admin-app.js';
import type { Finished } from '../process.js';
import type { TestDeployment } from '../deployment.js';
import { command } from './command.js';

/**
 * The command line against a deployment of this process, whose clock and network are the test's: no server, no port.
 * @param away set it to have nobody answer
 */
export function cliOn(
  d: Pick<TestDeployment, 'deployment' | 'token'>,
  env: Record<string, string> = {},
  away: { readonly it: boolean } = { it: false },
): (...args: readonly string[]) => Promise<Finished> {
  const url = 'http://admin.test';
  const { fetch } = globalThis;
  vi.stubGlobal('fetch', (input: string, init?: RequestInit) => {
    if (!input.startsWith(`${url}/`)) return fetch(input, init);
    return away.it ? Promise.reject(new TypeError('fetch failed')) : askAdmin(d.deployment, input, init);
  });
  onTestFinished(() => void vi.unstubAllGlobals());
  return (...args) => command(args, { HOLDFAST_URL: url, HOLDFAST_ADMIN_TOKEN: d.token, HOLDFAST_DATA: '/nonexistent', ...env });
}
