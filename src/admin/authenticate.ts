import { createMiddleware } from 'hono/factory';
import { noteActor } from '../edge/actor-of.js';
import { findApiKey } from '../operations/access/api-keys.js';
import { callOf } from '../operations/access/call-of.js';
import { noteUse } from '../operations/access/note-use.js';
import type { AdminEnv } from './context.js';
import { asksDryRun } from './dry-run.js';
import { problem } from './errors.js';

/** Every data route: `Authorization: Bearer <API key>`. Never open, not even before the first user. */
export const authenticate = createMiddleware<AdminEnv>(async function authenticate(c, next) {
  const [scheme, token] = (c.req.header('authorization') ?? '').split(' ');
  const deployment = c.var.deployment;
  const key = scheme?.toLowerCase() === 'bearer' && token ? await findApiKey(deployment, token) : undefined;
  if (!key)
    return problem(c, 401, 'unauthenticated', 'send Authorization: Bearer with an API key that is in force', [], {
      'www-authenticate': 'Bearer realm="holdfast"',
    });
  noteActor(c.req.raw, key);
  if (!asksDryRun(c)) await noteUse(deployment, key);
  c.set('call', await callOf(deployment, key));
  return next();
});
