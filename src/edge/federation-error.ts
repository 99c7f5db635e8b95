import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { ERROR_STATUS, type ErrorCode, type ErrorResponse } from '../federation/entry.js';

/** An error of a federation endpoint: JSON whatever the request accepts (OpenID Federation 1.0 §8.9). Never cached. */
export function federationError(
  c: Context,
  error: ErrorCode,
  description: string,
  headers: Record<string, string> = {},
  status: number = ERROR_STATUS[error],
): Response {
  const body: ErrorResponse = { error, error_description: description };
  return c.json(body, status as ContentfulStatusCode, { 'cache-control': 'no-store', 'access-control-allow-origin': '*', ...headers });
}
