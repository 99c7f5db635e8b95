import type { Context } from 'hono';

/** RFC 9110 §13.1.2: a list of entity tags or `*`, weakly compared: a proxy that compresses weakens ours. */
export const matches = (header: string, etag: string): boolean =>
  header.split(',').some((one) => {
    const tag = one.trim();
    return tag === '*' || tag.replace(/^W\//, '') === etag;
  });

/**
 * The body, or 304 to whoever has it already: with what a 200 would have said about caching and who may read it, and
 * without what describes a body (RFC 9110 §15.4.5).
 */
export function conditional(
  c: Context,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> & { readonly etag: string },
): Response {
  const known = c.req.raw.headers.get('if-none-match');
  if (known === null || !matches(known, headers.etag)) return c.body(body, 200, headers);
  const { 'content-type': _, ...rest } = headers;
  return c.body(null, 304, rest);
}
