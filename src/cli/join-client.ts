import { readAnswer, saidIn } from './answers.js';
import { CliError } from './cli-error.js';
import { EXIT, exitOfStatus } from './exit-codes.js';
import { whyUnanswered } from './unanswered.js';

/** Ask the join API of an authority. @throws CliError */
export async function askJoin<T>(
  url: string,
  secret: string | undefined,
  method: 'GET' | 'POST' | 'PATCH',
  path: string,
  body?: unknown,
  key?: string,
): Promise<T> {
  const text = method === 'GET' ? undefined : JSON.stringify(body ?? {});
  const init = {
    method,
    headers: {
      ...(key !== undefined && { 'idempotency-key': key }),
      ...(secret !== undefined && { authorization: `Bearer ${secret}` }),
      ...(text !== undefined && { 'content-type': 'application/json' }),
    },
    ...(text !== undefined && { body: text }),
  };
  const response = await fetch(`${url}/join/v1${path}`, init).catch((error: unknown) => {
    throw new CliError(EXIT.unreachable, whyUnanswered(url, error, undefined), [], 'unreachable');
  });
  if (response.ok) return (await readAnswer(url, response)) as T;
  const { detail, findings, code } = saidIn(await response.json().catch(() => undefined));
  throw new CliError(exitOfStatus(response.status), detail ?? `the server answered ${response.status}`, findings, code);
}

/** How often one is sent again that nobody answered, and after how many milliseconds. */
export const AGAIN = [200, 1000];

/** Send what is carried out once, however often it is sent: a lost answer is asked for again. @throws CliError */
export async function askOnce<T>(url: string, secret: string, path: string, body: unknown, key: string, waits: readonly number[] = AGAIN): Promise<T> {
  const [wait, ...more] = waits;
  return askJoin<T>(url, secret, 'POST', path, body, key).catch(async (error: unknown) => {
    if (wait === undefined || !(error instanceof CliError) || error.exitCode !== EXIT.unreachable) throw error;
    await new Promise((after) => setTimeout(after, wait));
    return askOnce<T>(url, secret, path, body, key, more);
  });
}
