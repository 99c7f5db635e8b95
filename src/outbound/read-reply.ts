import { failure, finding, type FindingCode, type Result } from '../federation/entry.js';
import { MAX_BODY_BYTES, MIN_RATE, RATE_GRACE_MS } from './limits.js';
import type { FetchRequest, Reply } from './outbound.js';

/** A finding about a fetch; `where` names the hop. */
export const fetchFinding = (code: FindingCode, url: string, detail: string, transient = false) => failure(finding(code, url.slice(0, 300), detail, transient));

/** An entity tag as RFC 9110 §8.8.3 writes it. What is none, or is longer than any server needs, is not sent back. */
const ETAG = /^(?:W\/)?"[\x21\x23-\x7e]{0,200}"$/;

/** The header of a conditional request. */
export const conditionOf = ({ etag }: FetchRequest): Readonly<Record<string, string>> =>
  etag !== undefined && ETAG.test(etag) ? { 'if-none-match': etag } : {};

/** The body of an answer, with its entity tag. */
export const withEtag = (reply: Result<Reply>, etag: string | undefined): Result<Reply> =>
  reply.ok && etag !== undefined && ETAG.test(etag) ? { ok: true, value: { ...reply.value, etag } } : reply;

/** The answer to a conditional request that nothing has changed; undefined when this is another answer. */
export const notModified = (request: FetchRequest, status: number): Result<Reply> | undefined =>
  status === 304 && 'if-none-match' in conditionOf(request) ? { ok: true, value: { url: request.url, body: '', notModified: true } } : undefined;

/**
 * Answers that say "again later": the client took too long or came too early (RFC 9110 §15.5.9, RFC 8470 §5.2), asked too
 * often (RFC 6585 §4), or the server is at fault.
 */
const mayPass = (status: number): boolean => status >= 500 || [408, 425, 429].includes(status);

/** Status and headers of an answer, before its body is read. Undefined when they are as they should be. */
export function checkHead({ url, mediaType, orMediaTypes = [] }: FetchRequest, status: number, header: (name: string) => string | undefined) {
  if (status >= 300 && status < 400) return fetchFinding('redirect_refused', url, `it redirects (${status})`);
  if (status !== 200) return fetchFinding('status_unexpected', url, `it answers ${status}`, mayPass(status));
  const codings = (header('content-encoding') ?? '')
    .toLowerCase()
    .split(',')
    .map((one) => one.trim());
  if (codings.some((one) => one !== '' && one !== 'identity')) return fetchFinding('content_encoding_refused', url, 'its body is encoded');
  // Type and subtype name a media type (RFC 9110 §8.3.1); parameters that nobody defined say nothing (§15 has none to send).
  const type = (header('content-type') ?? '').replace(/;.*/s, '').trim().toLowerCase();
  return type === mediaType || orMediaTypes.includes(type ?? '')
    ? undefined
    : fetchFinding('content_type_wrong', url, `its content type is ${JSON.stringify((type || 'missing').slice(0, 80))}, not ${mediaType}`);
}

class Refused extends Error {
  constructor(readonly result: ReturnType<typeof fetchFinding>) {
    super();
  }
}

/** TextDecoder's own `latin1` is another table. */
const ONE_A_BYTE = { decode: (chunk?: Uint8Array, _options?: object) => Array.from(chunk ?? [], (byte) => String.fromCharCode(byte)).join('') };

/** Read a body within its cap and rate; bytes are counted as they come, whatever Content-Length says. */
export async function readBody(request: FetchRequest, chunks: AsyncIterable<Uint8Array>, milliseconds: () => number): Promise<Result<Reply>> {
  const max = request.maxBytes ?? MAX_BODY_BYTES;
  const decoder = request.bytes ? ONE_A_BYTE : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const start = milliseconds();
  let body = '';
  let size = 0;
  try {
    for await (const chunk of chunks) {
      size += chunk.byteLength;
      if (size > max) throw new Refused(fetchFinding('too_large', request.url, `its body has more than ${max} bytes`));
      const age = milliseconds() - start;
      if (age > RATE_GRACE_MS && size < (MIN_RATE * age) / 1000)
        throw new Refused(fetchFinding('fetch_failed', request.url, `its body comes slower than ${MIN_RATE} bytes a second`, true));
      body += decoder.decode(chunk, { stream: true });
    }
    body += decoder.decode();
  } catch (error) {
    if (error instanceof Refused) return error.result;
    if (error instanceof TypeError && /decode|utf-8|encoded data/i.test(error.message))
      return fetchFinding('jws_malformed', request.url, 'its body is not UTF-8');
    throw error;
  }
  return { ok: true, value: { url: request.url, body } };
}
