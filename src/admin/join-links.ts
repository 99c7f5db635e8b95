import { z } from '@hono/zod-openapi';
import { readUrl } from '../federation/read-url.js';
import { type CreatedLink, createLink, MAX_USES } from '../operations/join/create-link.js';
import { type EndedLink, endLink } from '../operations/join/end-link.js';
import { linkState } from '../operations/join/find-link.js';
import { listLinks } from '../operations/join/list-links.js';
import { type AdminApp, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { pageOf, pageQuery, reason, seconds } from './wire.js';
import { write } from './write.js';

const newLink = z
  .strictObject({
    uses: z.number().int().min(1).max(MAX_USES).optional().openapi({ description: 'How many may apply by it; left out: one' }),
    expires_at: seconds.optional().openapi({ description: 'Left out: in 14 days' }),
    note: z.string().trim().min(1).max(500).optional().openapi({ description: 'Whom it is for; applicants are not told' }),
  })
  .openapi('NewJoinLink', { example: { uses: 1, note: 'for Example Ltd, as agreed by telephone' } });
const endBody = z.strictObject({ reason: reason.optional() }).openapi('JoinLinkEnd');
const link = {
  id: z.string(),
  state: z.enum(['open', 'used_up', 'expired', 'ended']),
  uses: z.number().int(),
  used: z.number().int(),
  expires_at: seconds,
  note: z.string().nullable(),
  created_by: z.string(),
  created_at: seconds,
  ended_at: seconds.nullable(),
};
const linkSchema = z.object(link).openapi('JoinLink');
const createdSchema = z
  .object({
    ...link,
    secret: z.string().openapi({ description: 'Shown once: whoever has it may apply' }),
    url: z.string().openapi({ description: 'What to give to the applicant: the secret stands behind #, which no browser and no client sends' }),
  })
  .openapi('CreatedJoinLink');
const endedSchema = z.object({ ...link, already: z.boolean().optional() }).openapi('EndedJoinLink');

const present = (row: CreatedLink['row'], now: number): z.infer<typeof linkSchema> => ({
  id: row.id,
  state: linkState(row, now),
  uses: row.maxUses,
  used: row.used,
  expires_at: row.expiresAt,
  note: row.note,
  created_by: row.createdBy,
  created_at: row.createdAt,
  ended_at: row.endedAt,
});

/** The join API answers at the root of a host, whatever path the first authority has. */
const originOf = (url: string): string => readUrl(url)?.origin ?? '';

/** Links by which strangers may apply. */
export function joinLinkEndpoints(app: AdminApp): void {
  const tag = 'Applications';
  const base = '/authorities/{slug}/join-links';
  endpoint(app, { method: 'get', path: base, tag, summary: 'Join links, newest first', query: pageQuery, response: pageOf(linkSchema) }, async (c) => {
    const { items, next } = await listLinks(c.var.call, param(c, 'slug'), validQuery(c));
    return c.json({ items: items.map((row) => present(row, c.var.call.now())), next_cursor: next });
  });
  endpoint(
    app,
    {
      method: 'post',
      path: base,
      tag,
      summary: 'Make a link by which strangers may apply',
      description: 'So often and until then. The secret is in the answer, once; only its digest is kept.',
      body: newLink,
      response: createdSchema,
      secrets: ['secret', 'url'],
      status: 201,
    },
    (c) => {
      const body = validJson<z.infer<typeof newLink>>(c);
      const shown = ({ row, secret, at }: CreatedLink): z.infer<typeof createdSchema> => ({
        ...present(row, c.var.call.now()),
        secret,
        url: `${originOf(at ?? c.req.url)}/join/v1/${row.id}#${secret}`,
      });
      const asked = { uses: body.uses, expiresAt: body.expires_at, note: body.note };
      return write(c, 201, shown, (call) => createLink(call, param(c, 'slug'), asked), { secret: true });
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{link}/end`,
      tag,
      summary: 'End a join link: nobody applies by it any more',
      body: endBody,
      bodyOptional: true,
      response: endedSchema,
    },
    (c) => {
      const body = validJson<z.infer<typeof endBody>>(c);
      const shown = ({ row, already }: EndedLink): z.infer<typeof endedSchema> => ({
        ...present(row, c.var.call.now()),
        ...(already && { already: true }),
      });
      return write(c, 200, shown, (call) => endLink(call, param(c, 'slug'), param(c, 'link'), body.reason));
    },
  );
}
