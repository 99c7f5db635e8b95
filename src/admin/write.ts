import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { sha256 } from '../keys/random.js';
import type { Call } from '../operations/call.js';
import { Waiting } from '../operations/deciding/waiting.js';
import { findRemembered } from '../operations/remembered.js';
import type { AdminContext } from './context.js';
import { errorToProblem, problem } from './errors.js';

const KEY = /^[\x21-\x7e]{1,200}$/;

/**
 * Answer a write. With an Idempotency-Key the answer is remembered in the same batch as the change, so a request that is
 * repeated (an answer was lost, two were sent at once) is carried out once and answered alike.
 * Of a rehearsal nothing is kept, the key neither.
 * @param secret the answer holds a secret: it is shown once, a repetition gets 409
 */
export async function write<T>(
  c: AdminContext,
  status: number,
  present: (result: T) => unknown,
  act: (call: Call<T>) => Promise<T>,
  { secret = false } = {},
): Promise<Response> {
  const call = c.var.call;
  const key = c.req.header('idempotency-key');
  if (key !== undefined && !KEY.test(key)) return problem(c, 400, 'invalid_request', 'Idempotency-Key is 1 to 200 visible ASCII characters');
  if (call.rehearsal) {
    if (secret && !c.var.secrets?.length) throw new Error('it is not said what of the answer is secret');
    return rehearsed(c, async () => present(await act(call)) as object);
  }
  if (key === undefined) return c.json(present(await act(call)) as object, status as ContentfulStatusCode, { 'cache-control': 'no-store' });
  const request = await sha256(`${c.req.method} ${c.req.path} ${new URL(c.req.url).search} ${await c.req.text()}`);
  const before = await replay(c, key, request);
  if (before) return before;
  try {
    const result = await act({ ...call, idempotency: { key, request, status, render: (value: T) => (secret ? null : present(value)) } });
    return c.json(present(result) as object, status as ContentfulStatusCode, { 'cache-control': 'no-store' });
  } catch (error) {
    if (error instanceof Waiting) return errorToProblem(c, error);
    // The same request at the same time may have won the race: its answer is ours.
    return (await replay(c, key, request)) ?? errorToProblem(c, error);
  }
}

async function replay(c: AdminContext, key: string, request: string): Promise<Response | undefined> {
  const row = await findRemembered(c.var.call, key);
  if (!row) return undefined;
  if (row.request !== request) return problem(c, 422, 'idempotency_key_reused', 'this Idempotency-Key was used for another request; choose a new one');
  if (row.response === null) return problem(c, 409, 'already_shown', 'this request was carried out; its answer held a secret that is not kept');
  return c.body(row.response, row.status as ContentfulStatusCode, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'idempotency-replayed': 'true',
  });
}

/** The answer of a rehearsal: what would be, marked as that, without what would be shown once; or that it would wait for somebody. */
export async function rehearsed(c: AdminContext, act: () => Promise<object>): Promise<Response> {
  const answer = await act().catch((error: unknown) => {
    if (error instanceof Waiting) return error.rehearsed;
    throw error;
  });
  const shown = Object.entries(answer).filter(([name]) => !c.var.secrets?.includes(name));
  return c.json({ ...Object.fromEntries(shown), dry_run: true }, 200, { 'cache-control': 'no-store' });
}
