import { z } from '@hono/zod-openapi';
import { createApiKey, revokeApiKey } from '../operations/access/api-keys.js';
import { allow } from '../operations/call.js';
import { confirmClock, readClock } from '../operations/clock/confirm-clock.js';
import { type ClockState, clockWords } from '../operations/clock/trusted-clock.js';
import { cancelJob } from '../operations/jobs/cancel-job.js';
import { findJob } from '../operations/jobs/jobs.js';
import { reindexMembers } from '../operations/members/index-members.js';
import { WARNING } from '../operations/members/import-members.js';
import { listApiKeys, listJobs, listRefusals } from '../operations/read.js';
import { findAuthority } from '../operations/registry.js';
import { type AdminApp, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { apiKeySchema, jobSchema, newApiKey, pageOf, pageQuery, presentApiKey, presentJob } from './wire.js';
import { write } from './write.js';

type PageQuery = z.infer<typeof pageQuery>;
const refusalSchema = z
  .object({ line: z.number().int(), entity_id: z.string().nullable(), severity: z.enum(['error', 'warning']), code: z.string(), detail: z.string() })
  .openapi('ImportRefusal');
const presentRefusal = ({ line, entityId, code, detail }: Awaited<ReturnType<typeof listRefusals>>['items'][number]): z.infer<typeof refusalSchema> => ({
  line,
  entity_id: entityId,
  severity: code.startsWith(WARNING) ? 'warning' : 'error',
  code: code.startsWith(WARNING) ? code.slice(WARNING.length) : code,
  detail,
});
const whoamiSchema = z
  .object({
    id: z.string().openapi({ description: 'Of the person, or of the key of nobody' }),
    role: z.string().openapi({ description: 'What the key may; `person`: whatever the person may' }),
    authorities: z.array(z.string()).nullable(),
    development: z.boolean(),
    person: z
      .object({ name: z.string(), roles: z.array(z.object({ role: z.string(), authority: z.string().nullable() })) })
      .nullable()
      .openapi({ description: 'Who you are, with your roles; null under a key of nobody' }),
  })
  .openapi('WhoAmI');

const clockSchema = z
  .object({
    trusted: z.boolean(),
    now: z.number().int(),
    highest_trusted: z.number().int().nullable(),
    off_by: z.number().int(),
    problem: z.enum(['jumped', 'behind', 'ahead']).nullable(),
    detail: z.string().nullable(),
  })
  .openapi('Clock');
const presentClock = (state: ClockState): z.infer<typeof clockSchema> => ({
  trusted: state.trusted,
  now: state.now,
  highest_trusted: state.highest || null,
  off_by: state.by,
  problem: state.problem,
  detail: clockWords(state) ?? null,
});
const reindexing = z.object({ state: z.literal('indexing') }).openapi('Reindexing');
const confirmation = z.object({ reason: z.string().trim().min(1).max(2000) }).openapi('ClockConfirmation');

/** Jobs, API keys, the clock: watching and running the deployment. */
export function operationEndpoints(app: AdminApp): void {
  const base = '/authorities/{slug}';
  endpoint(app, { method: 'get', path: '/whoami', tag: 'Access', summary: 'Who you are here', response: whoamiSchema }, async (c) => {
    const { actor, role, authorities, development, person } = c.var.call;
    const who = person && { name: person.name, roles: person.roles.map(({ role: held, authority }) => ({ role: held, authority })) };
    return c.json({ id: actor.id, role, authorities, development, person: who ?? null });
  });
  endpoint(
    app,
    { method: 'get', path: `${base}/jobs`, tag: 'Jobs', summary: 'Imports and re-signings, newest first', query: pageQuery, response: pageOf(jobSchema) },
    async (c) => {
      const found = await listJobs(c.var.call, param(c, 'slug'), validQuery<PageQuery>(c));
      return c.json({ items: found.items.map(presentJob), next_cursor: found.next });
    },
  );
  endpoint(app, { method: 'get', path: `${base}/jobs/{job}`, tag: 'Jobs', summary: 'One job with its progress', response: jobSchema }, async (c) => {
    allow(c.var.call, 'read', param(c, 'slug'));
    const { id } = await findAuthority(c.var.call.store.db, param(c, 'slug'));
    return c.json(presentJob(await findJob(c.var.call, id, param(c, 'job'))));
  });
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/jobs/{job}/cancel`,
      tag: 'Jobs',
      summary: 'End an import; what it took stays, and so does its report',
      response: jobSchema,
    },
    (c) => write(c, 200, presentJob, (call) => cancelJob(call, param(c, 'slug'), param(c, 'job'))),
  );
  endpoint(
    app,
    {
      method: 'get',
      path: `${base}/jobs/{job}/refusals`,
      tag: 'Jobs',
      summary: 'What an import refused and why, by line; with severity warning, what it took all the same',
      query: pageQuery,
      response: pageOf(refusalSchema),
    },
    async (c) => {
      const found = await listRefusals(c.var.call, param(c, 'slug'), param(c, 'job'), validQuery<PageQuery>(c));
      return c.json({ items: found.items.map(presentRefusal), next_cursor: found.next });
    },
  );
  endpoint(
    app,
    {
      method: 'get',
      path: '/clock',
      tag: 'Deployment',
      summary: 'Whether the clock of the service is trusted, and what speaks against it',
      response: clockSchema,
    },
    async (c) => c.json(presentClock(await readClock(c.var.call))),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: '/clock/confirm',
      tag: 'Deployment',
      summary: 'Say that the clock is right',
      description: 'What was signed ahead of it is due at once. Look at the clock first: with a wrong one nothing that is signed can be verified.',
      body: confirmation,
      response: clockSchema,
    },
    (c) => write(c, 200, presentClock, (call) => confirmClock(call, validJson<z.infer<typeof confirmation>>(c).reason)),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: '/members/reindex',
      tag: 'Deployment',
      summary: 'Make the indexes of members anew, when fsck says that they differ',
      description: 'Keys by thumbprint and identifiers by spelling, of all authorities. It is done in the background; enrolments answer 503 until then.',
      response: reindexing,
    },
    (c) => write(c, 200, (result: z.infer<typeof reindexing>) => result, reindexMembers),
  );
  endpoint(app, { method: 'get', path: '/api-keys', tag: 'Access', summary: 'All API keys; never their tokens', response: pageOf(apiKeySchema) }, async (c) =>
    c.json({ items: (await listApiKeys(c.var.call)).map(presentApiKey), next_cursor: null }),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: '/api-keys',
      tag: 'Access',
      summary: 'Make an API key; its token is shown once',
      body: newApiKey,
      response: apiKeySchema
        .extend({ token: z.string().optional().openapi({ description: 'Absent where token_digest was given' }) })
        .openapi('ApiKeyWithToken'),
      status: 201,
      waits: true,
      secrets: ['token'],
    },
    (c) => {
      const body = validJson<z.infer<typeof newApiKey>>(c);
      return write(
        c,
        201,
        ({ row, token }: Awaited<ReturnType<typeof createApiKey>>) => ({ ...presentApiKey(row), ...(token !== undefined && { token }) }),
        (call) =>
          createApiKey(call, {
            name: body.name,
            role: body.role ?? 'person',
            person: body.person,
            authorities: body.authorities,
            expiresAt: body.expires_at,
            tokenDigest: body.token_digest,
          }),
        { secret: body.token_digest === undefined },
      );
    },
  );
  endpoint(app, { method: 'post', path: '/api-keys/{id}/revoke', tag: 'Access', summary: 'End an API key at once', response: apiKeySchema }, (c) =>
    write(c, 200, presentApiKey, (call) => revokeApiKey(call, param(c, 'id'))),
  );
}
