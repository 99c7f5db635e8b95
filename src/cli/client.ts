import { readAnswer, saidIn } from './answers.js';
import { CliError } from './cli-error.js';
import { isDryRun } from './dry-run.js';
import { EXIT, exitOfStatus } from './exit-codes.js';
import { whyUnanswered } from './unanswered.js';

export { CliError };

/** What was asked for is on record and takes a second person: no error, though what would be shown of it is not there. */
export class Waits extends CliError {
  constructor(readonly answer: { readonly detail: string; readonly approval: { readonly id: string | null }; readonly dry_run?: boolean }) {
    super(EXIT.done, answer.detail, [], 'waiting');
  }
}

export interface Client {
  readonly url: string;
  get<T>(path: string): Promise<T>;
  /** A question that changes nothing, though it comes with a body. */
  ask<T>(path: string, body: unknown): Promise<T>;
  /** @param repeatable sent twice it does what it does once: by itself, or by its Idempotency-Key */
  send<T>(method: 'POST' | 'PATCH' | 'PUT' | 'DELETE', path: string, body?: unknown, headers?: Record<string, string>, repeatable?: boolean): Promise<T>;
  stream(path: string): AsyncIterable<Uint8Array>;
}

export interface Target {
  readonly url: string;
  readonly token: string | undefined;
  /** Where the server listens on this machine, when its data folder says so. */
  readonly local?: string | undefined;
}

/** Quorum 2: another person has to approve it. */
const WAITING = 202;

/** A connection that was idle is closed by the server at the moment it is used again. */
const wasClosed = (error: unknown): boolean =>
  error instanceof Error && ['UND_ERR_SOCKET', 'ECONNRESET'].includes(String((error.cause as { readonly code?: unknown } | undefined)?.code));

/** Speaks to the admin API; there is no second writer on the database. */
export function createClient({ url, token, local }: Target): Client {
  async function call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
    repeatable = method === 'GET' || headers['idempotency-key'] !== undefined,
  ): Promise<Response> {
    if (token === undefined)
      throw new CliError(
        EXIT.usage,
        `no API key for ${url}: set HOLDFAST_ADMIN_TOKEN or HOLDFAST_ADMIN_TOKEN_FILE, sign in (holdfast login --url ${url}), or run where the data folder of the server is (HOLDFAST_DATA)`,
        [],
        'no_api_key',
      );
    const plain = typeof body === 'string' || body instanceof Uint8Array;
    const text = plain ? body : body === undefined ? undefined : JSON.stringify(body);
    const type = body instanceof Uint8Array ? 'application/octet-stream' : 'application/json';
    const init = {
      method,
      headers: { authorization: `Bearer ${token}`, ...(text !== undefined && { 'content-type': type }), ...headers },
      ...(text !== undefined && { body: text as string }),
    };
    const ask = () => fetch(`${url}/admin/v1${path}`, init);
    const asked = repeatable ? ask().catch((error: unknown) => (wasClosed(error) ? ask() : Promise.reject(error))) : ask();
    const response = await asked.catch((error: unknown) => {
      throw new CliError(EXIT.unreachable, whyUnanswered(url, error, local), [], 'unreachable');
    });
    if (response.status === WAITING) throw new Waits((await response.json()) as Waits['answer']);
    if (response.ok) return response;
    const { detail, findings, code } = saidIn(await response.json().catch(() => undefined));
    throw new CliError(exitOfStatus(response.status), detail ?? `the server answered ${response.status}`, findings, code);
  }
  /** What it was asked to rehearse the server says it has: another one would have done it. */
  function expectRehearsed(answer: unknown): void {
    const {
      dry_run: dry,
      waiting_for: waits,
      approval,
    } = answer as { readonly dry_run?: unknown; readonly waiting_for?: unknown; readonly approval?: unknown };
    if (dry !== true) throw new CliError(EXIT.refused, `${url} does not say that this was a dry run: look at what was changed there`, [], 'not_rehearsed');
    if (waits === 1 && approval !== undefined) throw new Waits(answer as Waits['answer']);
  }
  async function send(method: string, path: string, body?: unknown, headers?: Record<string, string>, repeatable?: boolean): Promise<unknown> {
    if (!isDryRun()) return readAnswer(url, await call(method, path, body, headers, repeatable));
    const answer = await readAnswer(url, await call(method, `${path}${path.includes('?') ? '&' : '?'}dry_run=true`, body, headers, true));
    expectRehearsed(answer);
    return answer;
  }
  return {
    url,
    ask: async <T>(path: string, body: unknown) => (await readAnswer(url, await call('POST', path, body))) as T,
    get: async <T>(path: string) => (await readAnswer(url, await call('GET', path))) as T,
    send: async <T>(method: string, path: string, body?: unknown, headers?: Record<string, string>, repeatable?: boolean) =>
      (await send(method, path, body, headers, repeatable)) as T,
    async *stream(path) {
      yield* ((await call('GET', path)).body ?? []) as AsyncIterable<Uint8Array>;
    },
  };
}
