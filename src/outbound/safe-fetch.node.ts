import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector, request as send } from 'undici';
import { type GuardOptions, isReachable } from './address-guard.js';
import { checkUrl } from './check-url.js';
import { CONNECT_MS, FIRST_BYTE_MS, KEEP_ALIVE_MS, MAX_HEADER_BYTES, WHOLE_FETCH_MS } from './limits.js';
import type { Result } from '../federation/entry.js';
import type { FetchRequest, Outbound, Reply } from './outbound.js';
import { checkHead, fetchFinding, readBody } from './read-reply.js';
import { hostResolver } from './resolve-host.node.js';

class Blocked extends Error {}

export interface SafeFetchOptions extends GuardOptions {
  /** Tests put a resolver of their own here. */
  readonly resolve?: LookupFunction;
}

/**
 * Guarded GET on Node. Addresses are checked at connect, on the very addresses the socket uses, so a name that resolves
 * differently the second time gains nothing; undici's own `request` neither follows redirects nor decompresses.
 */
export function safeFetch(options: SafeFetchOptions = {}): Outbound & { close(): Promise<void> } {
  const resolve = options.resolve ?? hostResolver(options);
  const guarded: LookupFunction = (host, how, done) =>
    resolve(host, { ...how, all: true }, (error, found) => {
      if (error) return done(error, []);
      const all = found as { address: string; family: number }[];
      const bad = all.find(({ address }) => !isReachable(address, options));
      if (bad || !all[0]) return done(new Blocked(`${host} resolves to ${bad ? 'an address that is never contacted' : 'nothing'}`), []);
      return how.all ? done(null, all) : done(null, all[0].address, all[0].family);
    });
  const connect = buildConnector({ timeout: CONNECT_MS, lookup: guarded, allowH2: false });
  const agent = new Agent({
    connections: 4,
    pipelining: 1,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: FIRST_BYTE_MS,
    bodyTimeout: WHOLE_FETCH_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Otherwise the peer's own Keep-Alive header decides how long our socket stays open, up to ten minutes.
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    connect(target, done) {
      const host = target.hostname.replace(/^\[|\]$/g, '');
      if (isIP(host) && !isReachable(host, options)) return done(new Blocked('the address is never contacted'), null);
      return connect(target, done);
    },
  });

  async function exchange(request: FetchRequest, form?: URLSearchParams): Promise<Result<Reply>> {
    const url = checkUrl(request.url, options);
    if (typeof url === 'string') return fetchFinding('fetch_refused', request.url, url);
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), WHOLE_FETCH_MS);
    try {
      const reply = await send(url, {
        dispatcher: agent,
        signal: deadline.signal,
        headers: {
          accept: `${request.mediaType}, */*;q=0.1`,
          'accept-encoding': 'identity',
          'user-agent': 'holdfast',
          ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
        },
        ...(form && { method: 'POST' as const, body: form.toString() }),
      });
      const header = (name: string) => {
        const value = reply.headers[name];
        return Array.isArray(value) ? value.join(', ') : value;
      };
      const bad = checkHead(request, reply.statusCode, header);
      if (bad) {
        reply.body.on('error', () => undefined).destroy();
        return bad;
      }
      const read = await readBody(request, reply.body, () => performance.now());
      if (!read.ok) reply.body.on('error', () => undefined).destroy();
      return read;
    } catch (error) {
      return describe(request.url, error, deadline.signal.aborted);
    } finally {
      clearTimeout(timer);
    }
  }

  return { get: (request) => exchange(request), post: (request) => exchange(request, request.form), close: () => agent.destroy() };
}

function describe(url: string, error: unknown, late: boolean) {
  if (error instanceof Blocked) return fetchFinding('fetch_refused', url, error.message);
  if (late) return fetchFinding('fetch_failed', url, `no whole answer within ${WHOLE_FETCH_MS / 1000} s`, true);
  const { code } = error as { code?: string };
  const certificate = typeof code === 'string' && /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/.test(code);
  return fetchFinding('fetch_failed', url, certificate ? `its certificate is not valid (${code})` : `the request failed (${code ?? 'unknown'})`, !certificate);
}
