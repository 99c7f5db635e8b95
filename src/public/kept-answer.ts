import type { Context } from 'hono';
import { conditional } from '../edge/conditional.js';

/** What the heads of many answers have in common: it is put together, and looked at, once for all of them. */
export interface CommonHead {
  readonly headers: Readonly<Record<string, string>>;
  /** What the platform has made of it. */
  lines: unknown;
}

/** Media types are few, and how long something may be kept is one of a few. */
const MAX_COMMON = 256;
const commonHeads = new Map<string, CommonHead>();

function commonHead(mediaType: string, cacheControl: string): CommonHead {
  const of = `${cacheControl}\n${mediaType}`;
  let common = commonHeads.get(of);
  if (common === undefined) {
    if (commonHeads.size >= MAX_COMMON) commonHeads.clear();
    common = { headers: { 'access-control-allow-origin': '*', 'cache-control': cacheControl, 'content-type': mediaType }, lines: undefined };
    commonHeads.set(of, common);
  }
  return common;
}

/**
 * An answer that everybody gets who asks by a usual spelling of its question, until the next commit or its own end. It is a value,
 * so that whoever has the connection can send it without a framework in between.
 */
export class KeptAnswer {
  /** All of its head but the tag. */
  readonly common: CommonHead;
  /** What the platform has made of it to send it sooner, by a server and by a bare connection; it goes when this goes. */
  rendered: unknown;
  written: unknown;

  constructor(
    readonly body: string | Uint8Array<ArrayBuffer>,
    mediaType: string,
    /** Undefined: whoever asks is the only one who may keep it, and he asks by POST. */
    readonly etag: string | undefined,
    /** From then on it must be made anew (seconds since the epoch). */
    readonly until: number,
    /** How long anyone may keep it (seconds): never beyond `until`. */
    readonly maxAge: number,
    /** Whether it is of a type that a request accepts (RFC 9110 §12.5.1); undefined: there is one type, and it is not asked. */
    readonly accepted?: (accept: string) => boolean,
  ) {
    this.common = commonHead(mediaType, etag === undefined ? 'no-store' : cacheFor(maxAge));
  }

  get headers(): Readonly<Record<string, string>> {
    return this.etag === undefined ? this.common.headers : { ...this.common.headers, etag: this.etag };
  }

  /** Send it again; nothing when it has to be made anew, or the request accepts no such thing. */
  again(c: Context, now: number): Response | undefined {
    if (now >= this.until) return undefined;
    const accept = this.accepted && c.req.raw.headers.get('accept');
    if (accept && !this.accepted?.(accept)) return undefined;
    return this.send(c, now);
  }

  /** @param now before `until` (seconds), but for what was made within the same second */
  send(c: Context, now: number): Response {
    const { etag } = this;
    if (etag === undefined) return c.body(this.body, 200, this.headers);
    // A cache never keeps a signed answer beyond its own end (SE-08), or the end of what it rests on. A configuration that a
    // member signed may end at a fraction of a second; delta-seconds have none (RFC 9111 §1.2.2).
    const left = Math.max(0, Math.floor(this.until - now));
    return conditional(c, this.body, { ...this.headers, etag, ...(left < this.maxAge && { 'cache-control': `public, max-age=${left}` }) });
  }
}

/** Bodies above this size are kept, and sent, as bytes: to be written together with the head they would have to be copied (bytes). */
export const LARGE_BYTES = 4096;

/** Up to this size an answer that is asked for again and again is kept as it goes out, too (bytes). */
export const WHOLE_BYTES = 256 * 1024;

/** Bytes that it costs beside a body that is kept anyway: its headers, and what is rendered to be sent. */
export function keptBytes({ body }: KeptAnswer): number {
  const { length } = body;
  return 1200 + (length <= WHOLE_BYTES ? length : 0) + (typeof body === 'string' && length > LARGE_BYTES ? length : 0);
}

/** What is asked for anew each time is not kept beyond that when nobody answers either (RFC 9111 §5.2.2.2). */
const cacheFor = (maxAge: number): string => (maxAge === 0 ? 'public, max-age=0, must-revalidate' : `public, max-age=${maxAge}`);

/** How a question by POST about a mark is spelled: no URL has a line break. */
export const aboutMark = (url: string, mark: string): string => `${url}\n${mark}`;
