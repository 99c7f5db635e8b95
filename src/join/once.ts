import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { problem } from '../admin/errors.js';
import type { Call } from '../operations/call.js';
import { findRemembered, requestDigest } from '../operations/remembered.js';
import type { JoinContext } from './context.js';

const KEY = /^[\x21-\x7e]{1,200}$/;

/** Answer a write of a member; with an Idempotency-Key it is carried out once and answered alike, as in the admin API. */
export async function once<T>(
  c: JoinContext,
  call: Call<T>,
  status: 200 | 201,
  present: (result: T) => object,
  act: (call: Call<T>) => Promise<T>,
): Promise<Response> {
  const key = c.req.header('idempotency-key');
  if (key === undefined) return c.json(present(await act(call)), status, { 'cache-control': 'no-store' });
  if (!KEY.test(key)) return problem(c, 400, 'invalid_request', 'Idempotency-Key is 1 to 200 visible ASCII characters');
  const request = await requestDigest(c.req.method, c.req.path, await c.req.text());
  const replay = async (): Promise<Response | undefined> => {
    const row = await findRemembered(call, key);
    if (!row) return undefined;
    if (row.request !== request || row.response === null)
      return problem(c, 422, 'idempotency_key_reused', 'this Idempotency-Key was used for another request; choose a new one');
    return c.body(row.response, row.status as ContentfulStatusCode, {
      ...{ 'content-type': 'application/json', 'cache-control': 'no-store', 'idempotency-replayed': 'true' },
    });
  };
  const before = await replay();
  if (before) return before;
  try {
    const result = await act({ ...call, idempotency: { key, request, status, render: present } });
    return c.json(present(result), status, { 'cache-control': 'no-store' });
  } catch (error) {
    // The same request at the same time may have won the race: its answer is ours.
    const other = await replay();
    if (other) return other;
    throw error;
  }
}
