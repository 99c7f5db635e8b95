import type { LookupFunction } from 'node:net';
import { Agent, buildConnector, request as send } from 'undici';
import { type GuardOptions, isReachable } from './address-guard.js';
import { checkUrl } from './check-url.js';
import { CONNECT_MS, FIRST_BYTE_MS, KEEP_ALIVE_MS, MAX_HEADER_BYTES, PARALLEL_AHEAD_PER_HOST, PARALLEL_PER_HOST, WHOLE_FETCH_MS } from './limits.js';
import type { Result } from '../federation/entry.js';
import type { FetchRequest, Outbound, Reply } from './outbound.js';
import { checkHead, conditionOf, fetchFinding, notModified, readBody, withEtag } from './read-reply.js';
import { hostResolver } from './resolve-host.node.js';

class Blocked extends Error {}

export interface SafeFetchOptions extends GuardOptions {
  /** Tests put a resolver of their own here. */
  readonly resolve?: LookupFunction;
  /** How long a whole fetch may take (milliseconds). */
  readonly wholeFetchMs?: number;
}

/**
 * Guarded GET on Node. Addresses are checked at connect, on the very addresses the socket uses, so a name that resolves
 * differently the second time gains nothing; undici's own `request` neither follows redirects nor decompresses.
 */
export function safeFetch(options: SafeFetchOptions = {}): Outbound & { close(): Promise<void> } {
  const { resolve = hostResolver(options), wholeFetchMs = WHOLE_FETCH_MS } = options;
  const guarded: LookupFunction = (host, how, done) =>
    resolve(host, { ...how, all: true }, (error, found) => {
      if (error) return done(error, []);
      const all = found as { address: string; family: number }[];
      const bad = all.find(({ address }) => !isReachable(address, options));
      if (bad || !all[0]) return done(new Blocked(`${host} resolves to ${bad ? 'an address that is never contacted' : 'nothing'}`), []);
      return how.all ? done(null, all) : done(null, all[0].address, all[0].family);
    });
  const agent = new Agent({
    connections: PARALLEL_PER_HOST + PARALLEL_AHEAD_PER_HOST,
    pipelining: 1,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: FIRST_BYTE_MS,
    bodyTimeout: wholeFetchMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Otherwise the peer's own Keep-Alive header decides how long our socket stays open, up to ten minutes.
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    // A literal address is not looked up: `checkUrl` has judged it, on the very URL that is asked for.
    connect: buildConnector({ timeout: CONNECT_MS, lookup: guarded, allowH2: false }),
  });

  async function exchange(request: FetchRequest, form?: URLSearchParams): Promise<Result<Reply>> {
    const url = checkUrl(request.url, options);
    if (typeof url === 'string') return fetchFinding('fetch_refused', request.url, url);
    const deadline = AbortSignal.timeout(wholeFetchMs);
    try {
      const reply = await send(url, {
        dispatcher: agent,
        signal: deadline,
        headers: {
          accept: `${[request.mediaType, ...(request.orMediaTypes ?? [])].join(', ')}, */*;q=0.1`,
          'accept-encoding': 'identity',
          'user-agent': 'holdfast',
          ...conditionOf(request),
          ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
        },
        ...(form && { method: 'POST' as const, body: form.toString() }),
      });
      const header = (name: string) => {
        const value = reply.headers[name];
        return Array.isArray(value) ? value.join(', ') : value;
      };
      const settled = notModified(request, reply.statusCode) ?? checkHead(request, reply.statusCode, header);
      const result = settled ?? withEtag(await readBody(request, reply.body, () => performance.now()), header('etag'));
      if (settled || !result.ok) reply.body.on('error', () => undefined).destroy();
      return result;
    } catch (error) {
      return describe(request.url, error, deadline.aborted, wholeFetchMs);
    }
  }

  return { get: (request) => exchange(request), post: (request) => exchange(request, request.form), close: () => agent.destroy() };
}

function describe(url: string, error: unknown, late: boolean, milliseconds: number) {
  if (error instanceof Blocked) return fetchFinding('fetch_refused', url, error.message);
  if (late) return fetchFinding('fetch_failed', url, `no whole answer within ${milliseconds / 1000} s`, true);
  const { code, name } = error as { code?: string; name?: string };
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return fetchFinding('too_large', url, `its headers have more than ${MAX_HEADER_BYTES} bytes`);
  if (name === 'HTTPParserError') return fetchFinding('fetch_failed', url, 'what it answers is no HTTP/1.1', true);
  const certificate = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/.test(code ?? '');
  return fetchFinding('fetch_failed', url, certificate ? `its certificate is not valid (${code})` : `the request failed (${code ?? 'unknown'})`, !certificate);
}
