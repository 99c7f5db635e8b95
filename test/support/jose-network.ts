import type { Outbound } from '../../src/outbound/outbound.js';
import { fetchFinding, checkHead } from '../../src/outbound/read-reply.js';
import type { JoseFederation } from './jose-federation.js';

/** A pretended network in which that federation answers; `down` names places where nobody does. */
export function joseNetwork(federation: JoseFederation): Outbound & { readonly down: Set<string> } {
  const down = new Set<string>();
  const get: Outbound['get'] = async (request) => {
    const { url } = request;
    if ([...down].some((place) => url.startsWith(place))) return fetchFinding('fetch_failed', url, 'nobody answers', true);
    const { status, type, body, etag } = await federation.answer(url, request.etag);
    if (status === 304) return { ok: true, value: { url, body: '', notModified: true } };
    return (
      checkHead(request, status, (name) => (name === 'content-type' ? type : undefined)) ?? {
        ok: true,
        value: { url, body, ...(etag !== undefined && { etag }) },
      }
    );
  };
  return { down, get, post: (request) => get(request) };
}
