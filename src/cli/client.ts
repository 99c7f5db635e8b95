import type { Finding } from '../federation/entry.js';

/** Exit codes: 0 done, 1 refused, 2 usage, 3 not reachable, 4 findings present, 5 conflict. */
export class CliError extends Error {
  constructor(
    readonly exitCode: 1 | 2 | 3 | 4 | 5,
    message: string,
    readonly findings: readonly (Finding & { readonly severity?: string })[] = [],
    readonly code = 'error',
  ) {
    super(message);
  }
}

export interface Client {
  readonly url: string;
  get<T>(path: string): Promise<T>;
  send<T>(method: 'POST' | 'PATCH' | 'PUT' | 'DELETE', path: string, body?: unknown, headers?: Record<string, string>): Promise<T>;
  stream(path: string): AsyncIterable<Uint8Array>;
}

interface ProblemBody {
  readonly code?: string;
  readonly detail?: string;
  readonly title?: string;
  readonly findings?: readonly Finding[];
}

const EXIT: Record<string, 1 | 4 | 5> = { findings: 4, already_exists: 5, wrong_state: 5, version_conflict: 5, key_not_ready: 5 };

/** Speaks to the admin API; there is no second writer on the database. */
export function createClient({ url, token }: { readonly url: string; readonly token: string | undefined }): Client {
  async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Response> {
    if (token === undefined)
      throw new CliError(2, 'no API key: set HOLDFAST_ADMIN_TOKEN or HOLDFAST_ADMIN_TOKEN_FILE, or run where the data folder of the server is (HOLDFAST_DATA)');
    const text = typeof body === 'string' ? body : body === undefined ? undefined : JSON.stringify(body);
    const init = {
      method,
      headers: { authorization: `Bearer ${token}`, ...(text !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(text !== undefined && { body: text }),
    };
    const response = await fetch(`${url}/admin/v1${path}`, init).catch((error: unknown) => {
      throw new CliError(
        3,
        `${url} does not answer (${error instanceof Error && error.cause instanceof Error ? error.cause.message : 'no connection'}); is the server running? Start it with: npx holdfast serve`,
      );
    });
    if (response.ok) return response;
    const problem = (await response.json().catch(() => ({}))) as ProblemBody;
    throw new CliError(EXIT[problem.code ?? ''] ?? 1, problem.detail ?? `the server answered ${response.status}`, problem.findings, problem.code);
  }
  return {
    url,
    get: async <T>(path: string) => (await (await call('GET', path)).json()) as T,
    send: async <T>(method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
      (await (await call(method, path, body, headers)).json()) as T,
    async *stream(path) {
      yield* ((await call('GET', path)).body ?? []) as AsyncIterable<Uint8Array>;
    },
  };
}
