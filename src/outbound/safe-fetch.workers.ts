import { checkUrl } from './check-url.js';
import { WHOLE_FETCH_MS } from './limits.js';
import type { Result } from '../federation/entry.js';
import type { FetchRequest, Outbound, Reply } from './outbound.js';
import { checkHead, conditionOf, fetchFinding, notModified, readBody, withEtag } from './read-reply.js';

/**
 * Guarded GET on Workers. There is no socket hook there: the platform keeps private networks out of reach, and the
 * compatibility flag `global_fetch_strictly_public` sends even our own zone through the public front door.
 */
export function safeFetch(options: { readonly loopback?: boolean } = {}): Outbound {
  async function exchange(request: FetchRequest, form?: URLSearchParams): Promise<Result<Reply>> {
    const url = checkUrl(request.url, options);
    if (typeof url === 'string') return fetchFinding('fetch_refused', request.url, url);
    try {
      const reply = await fetch(url, {
        redirect: 'manual',
        signal: AbortSignal.timeout(WHOLE_FETCH_MS),
        headers: {
          accept: `${[request.mediaType, ...(request.orMediaTypes ?? [])].join(', ')}, */*;q=0.1`,
          'accept-encoding': 'identity',
          'user-agent': 'holdfast',
          ...conditionOf(request),
        },
        ...(form && { method: 'POST', body: form }),
      });
      const header = (name: string) => reply.headers.get(name) ?? undefined;
      const settled = notModified(request, reply.status) ?? checkHead(request, reply.status, header);
      if (settled || !reply.body) {
        await reply.body?.cancel();
        return settled ?? { ok: true, value: { url: request.url, body: '' } };
      }
      return withEtag(await readBody(request, reply.body, () => Date.now()), header('etag'));
    } catch (error) {
      return fetchFinding(
        'fetch_failed',
        request.url,
        error instanceof Error && error.name === 'TimeoutError' ? `no whole answer within ${WHOLE_FETCH_MS / 1000} s` : 'the request failed',
        true,
      );
    }
  }
  return { get: (request) => exchange(request), post: (request) => exchange(request, request.form) };
}
