import type { Context } from 'hono';
import { conditional } from './conditional.js';
import { etagOf } from './etag.js';

/** Serve a document that never changes while the process runs: made once, whoever asks how often. */
export function madeOnce(mediaType: string, make: () => string | Promise<string>): (c: Context) => Promise<Response> {
  let made: Promise<{ readonly body: string; readonly etag: string }> | undefined;
  return async (c) => {
    made ??= Promise.resolve(make()).then((body) => ({ body, etag: etagOf(body) }));
    const { body, etag } = await made;
    return conditional(c, body, { 'content-type': mediaType, etag, 'cache-control': 'no-cache' });
  };
}
