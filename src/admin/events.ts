import { z } from '@hono/zod-openapi';
import { type EventFilter, listDeploymentEvents, listEvents } from '../operations/events/list-events.js';
import type { Named } from '../operations/events/names.js';
import type { Page } from '../operations/read.js';
import type { JoinedEvent } from '../store/joined-event.js';
import { type AdminApp, param, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { pageOf, pageQuery, seconds } from './wire.js';

const json = z.record(z.string(), z.unknown());
const named = (description: string) => z.object({ kind: z.string(), id: z.string(), name: z.string().nullable().openapi({ description }) });
export const eventSchema = z
  .object({
    seq: z.number().int(),
    at: seconds,
    type: z.string(),
    subject: named(
      'What it is called today: a member’s entity identifier, the legal name of an organization, the slug of an authority, the name of an API key, the entity identifier that a mark is about; null where the id is the name',
    ),
    actor: named('The name of the person, of the API key of nobody, or the identifier that an applicant names; null for the service itself'),
    reason: z.string().nullable().openapi({ description: 'In the words of whoever did it, else the code' }),
    reason_code: z.string().nullable().openapi({ description: 'Part of the hash; `stated` where a person gave the reason in words' }),
    detail: json,
    artefacts: z.array(json),
    prev_hash: z.string(),
    hash: z.string(),
    format: z.number().int().openapi({ description: 'Which fields the hash covers' }),
    private_commitment: z.string().nullable().openapi({ description: 'SHA-256 of salt and private part: what people wrote lies outside the chain' }),
    erased: z
      .object({ at: seconds, by: z.string(), seq: z.number().int() })
      .nullable()
      .openapi({ description: 'The private part was erased: when, by whom, and the event that tells of it' }),
  })
  .openapi('Event', {
    description:
      'One fact of the audit trail, its private part joined. Names are looked up for the answer; the hash covers ids and the commitment to the private part',
  });
export const presentEvent = (row: Named<JoinedEvent>): z.infer<typeof eventSchema> => ({
  seq: row.seq,
  at: row.at,
  type: row.type,
  subject: { kind: row.subjectKind, id: row.subjectId, name: row.subjectName },
  actor: { kind: row.actorKind, id: row.actorId, name: row.actorName },
  reason: row.reason,
  reason_code: row.reasonCode,
  detail: row.detail,
  artefacts: [...row.artefacts],
  prev_hash: row.prevHash,
  hash: row.hash,
  format: row.format,
  private_commitment: row.privateCommitment,
  erased: row.erased,
});

const MAX_TYPES = 20;
const time = z.coerce.number().pipe(seconds).optional();
const chainQuery = pageQuery.extend({
  cursor: z.string().max(20).optional().openapi({ description: 'A sequence number: the page goes on behind it, in the order asked for' }),
  order: z.enum(['oldest', 'newest']).default('oldest').openapi({ description: 'Which end of the chain comes first' }),
  since: time.openapi({ description: 'At this time or later, in seconds since the epoch' }),
  until: time.openapi({ description: 'Before this time, in seconds since the epoch' }),
  actor: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .openapi({ description: 'Who did it: the id or the name of a person or an API key, the id of an application, or `system`' }),
  subject: z
    .string()
    .min(1)
    .max(2048)
    .optional()
    .openapi({ description: 'What it is about: an id as events have it, an entity identifier, a legal name, a key id, a version' }),
  type: z
    .string()
    .max(1000)
    .regex(/^[a-z_]+\.[a-z_]+(?:,[a-z_]+\.[a-z_]+)*$/, 'types of events, comma separated, like member.suspended')
    .refine((text) => text.split(',').length <= MAX_TYPES, `at most ${MAX_TYPES} types`)
    .optional()
    .openapi({ description: 'One or several, comma separated', example: 'member.suspended,member.revoked' }),
});
const eventQuery = chainQuery.extend({
  member: z
    .string()
    .min(1)
    .max(2048)
    .optional()
    .openapi({ description: 'Our id or the entity identifier of a member; halts of its organization are included' }),
});
const filterOf = ({ order, type, ...query }: z.infer<typeof eventQuery>): EventFilter => ({ ...query, newest: order === 'newest', type: type?.split(',') });
const answer = (found: Page<Named<JoinedEvent>>) => ({ items: found.items.map(presentEvent), next_cursor: found.next });

/** The audit trail: of an authority, of one of its members, of the deployment. */
export function eventEndpoints(app: AdminApp): void {
  const base = '/authorities/{slug}';
  endpoint(
    app,
    {
      method: 'get',
      path: `${base}/events`,
      tag: 'Events',
      summary: 'The audit trail, oldest first unless asked otherwise',
      description: 'All filters hold together. To follow the trail ask again with the last `seq` as the cursor.',
      query: eventQuery,
      response: pageOf(eventSchema),
    },
    async (c) => c.json(answer(await listEvents(c.var.call, param(c, 'slug'), filterOf(validQuery<z.infer<typeof eventQuery>>(c))))),
  );
  endpoint(
    app,
    {
      method: 'get',
      path: `${base}/members/{id}/history`,
      tag: 'Members',
      summary: 'What happened to a member, halts of its organization included',
      query: chainQuery,
      response: pageOf(eventSchema),
    },
    async (c) =>
      c.json(answer(await listEvents(c.var.call, param(c, 'slug'), { ...filterOf(validQuery<z.infer<typeof chainQuery>>(c)), member: param(c, 'id') }))),
  );
  endpoint(
    app,
    {
      method: 'get',
      path: '/events',
      tag: 'Events',
      summary: 'What concerns the deployment and no single authority: API keys, the clock, restores',
      query: chainQuery,
      response: pageOf(eventSchema),
    },
    async (c) => c.json(answer(await listDeploymentEvents(c.var.call, filterOf(validQuery<z.infer<typeof chainQuery>>(c))))),
  );
}
