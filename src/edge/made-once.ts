import type { Context } from 'hono';
import { conditional } from './conditional.js';
import { etagOf } from './etag.js';

/**
 * Serve a document that never changes while the process runs: made once, whoever asks how often. As bytes, which all who take it slowly hold
 * together: of a text each of them had one made for himself.
 */
export function madeOnce(mediaType: string, make: () => string | Promise<string>): (c: Context) => Promise<Response> {
  let made: Promise<{ readonly body: Uint8Array<ArrayBuffer>; readonly etag: string }> | undefined;
  return async (c) => {
    made ??= Promise.resolve(make()).then((text) => {
      const body = new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
      return { body, etag: etagOf(body) };
    });
    const { body, etag } = await made;
    return conditional(c, body, { 'content-type': mediaType, etag, 'cache-control': 'no-cache' });
  };
}
