import { Hono } from 'hono';
import { problem } from '../admin/errors.js';
import { federationError } from '../edge/federation-error.js';
import { createRoot } from './root.js';

const STARTING = 'it is starting; ask again in some seconds';
const AGAIN = { 'retry-after': '5' };

/**
 * What answers while a process starts, or whoever answers is away: it is alive and not ready, and all else is 503 in the words of
 * whoever would answer.
 */
export function startingRoot(says = STARTING): ReturnType<typeof createRoot> {
  const starting = new Hono().all('*', (c) => problem(c, 503, 'temporarily_unavailable', says, [], AGAIN));
  return createRoot({
    admin: starting,
    join: starting,
    publicApp: new Hono().all('*', (c) => federationError(c, 'temporarily_unavailable', says, AGAIN)),
    readiness: () => Promise.resolve({ ready: false, checks: {} }),
  });
}
