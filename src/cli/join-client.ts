import { readAnswer, saidIn } from './answers.js';
import { CliError } from './cli-error.js';
import { EXIT, exitOfStatus } from './exit-codes.js';
import { whyUnanswered } from './unanswered.js';

/** Ask the join API of an authority. @throws CliError */
export async function askJoin<T>(url: string, secret: string | undefined, method: 'GET' | 'POST' | 'PATCH', path: string, body?: unknown): Promise<T> {
  const text = method === 'GET' ? undefined : JSON.stringify(body ?? {});
  const init = {
    method,
    headers: { ...(secret !== undefined && { authorization: `Bearer ${secret}` }), ...(text !== undefined && { 'content-type': 'application/json' }) },
    ...(text !== undefined && { body: text }),
  };
  const response = await fetch(`${url}/join/v1${path}`, init).catch((error: unknown) => {
    throw new CliError(EXIT.unreachable, whyUnanswered(url, error, undefined), [], 'unreachable');
  });
  if (response.ok) return (await readAnswer(url, response)) as T;
  const { detail, findings, code } = saidIn(await response.json().catch(() => undefined));
  throw new CliError(exitOfStatus(response.status), detail ?? `the server answered ${response.status}`, findings, code);
}
