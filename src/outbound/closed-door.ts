import type { Outbound } from './outbound.js';
import { fetchFinding } from './read-reply.js';

/** A door that lets nothing out, where the platform gives no way to keep requests off private networks. */
export function closedDoor(why: string): Outbound {
  const refuse: Outbound['get'] = async ({ url }) => fetchFinding('fetch_refused', url, `outbound requests are switched off: ${why}`);
  return { get: refuse, post: refuse };
}
