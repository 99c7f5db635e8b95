import { z } from '@hono/zod-openapi';
import { type Halted, halt } from '../operations/halts/halt.js';
import { listBarred } from '../operations/halts/list-barred.js';
import type { Held } from '../operations/halts/held.js';
import { haltReach } from '../operations/halts/reach.js';
import { type Receipt, readReceipt } from '../operations/halts/receipt.js';
import { HALT_LEVELS, type Target } from '../operations/halts/target.js';
import { Refusal } from '../operations/refusal.js';
import { type AdminApp, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { jurisdiction, registrationNumber } from './organizations.js';
import { pageOf, pageQuery, publicReason, reason, reasonCode, seconds } from './wire.js';
import { write } from './write.js';

const name = z.string().min(1).max(2048);
const targetFields = {
  level: z.enum(HALT_LEVELS).openapi({ description: 'What is cut off' }),
  authority: name.optional().openapi({ description: 'Its slug. Left out with a key: wherever it is bound' }),
  member: name.optional().openapi({ description: 'Our id or the entity identifier; with a key, whose `kid` it is' }),
  key: name.optional().openapi({ description: 'The RFC 7638 thumbprint, or with a member its `kid`' }),
  organization: name.optional().openapi({ description: 'Our id or the legal name' }),
  registration_number: registrationNumber.optional().openapi({ description: 'Of an organization, at every authority that knows it' }),
  jurisdiction: jurisdiction.optional().openapi({ description: 'Whose register the number is of, where several have it' }),
  type: name.optional().openapi({ description: 'The trust mark type' }),
};
const everywhere = 'Of an organization: at every authority of the deployment that knows the same legal body';
const haltBody = z
  .strictObject({
    ...targetFields,
    everywhere: z.boolean().optional().openapi({ description: everywhere }),
    mode: z.enum(['suspend', 'revoke']).optional().openapi({ description: 'Of members; `suspend` when it is left out' }),
    reason,
    reason_code: reasonCode,
    public_reason: publicReason,
  })
  .openapi('Halt');
const reachQuery = z.object({ ...targetFields, everywhere: z.enum(['true', 'false']).optional().openapi({ description: everywhere }) });

const heldSchema = z
  .object({
    until: seconds.nullable().openapi({ description: 'Null where nothing lasts still, or something has no end' }),
    seconds: seconds.nullable().openapi({ description: 'From now on' }),
    endless: z.boolean(),
  })
  .openapi('Held', { description: 'Until when others may hold what they have fetched: it verifies until then, whatever is cut' });
const COUNTED = ['members', 'statements', 'marks', 'answers', 'intermediates', 'below', 'other_authorities'] as const;
const reachSchema = z
  .object({
    members: z.number().int(),
    statements: z.number().int(),
    marks: z.number().int(),
    answers: z.number().int().openapi({ description: 'Resolve responses that fall, of whatever authority here' }),
    intermediates: z.number().int(),
    below: z.number().int().openapi({ description: 'Entities whose chains go through what is cut, as evaluated here' }),
    other_authorities: z.number().int().openapi({ description: 'Other authorities here that have to do with it' }),
    at_least: z.array(z.enum(COUNTED)).openapi({ description: 'Counts of which there may be more: not all is counted where there is a lot' }),
    examples: z.array(z.string()).openapi({ description: 'Some of the members' }),
    others_may_hold: heldSchema,
    at_most_until: seconds
      .nullable()
      .openapi({ description: 'Nothing that was ever signed with the keys of these authorities lasts longer, also from before a lifetime was shortened' }),
  })
  .openapi('HaltReach');
const receiptSchema = z
  .object({
    event: z.object({
      authority: z.string().nullable(),
      seq: z.number().int(),
      at: seconds,
      type: z.string(),
      hash: z.string(),
      reason_code: z.string().nullable(),
    }),
    subject: z.string(),
    already: z.boolean(),
    members: z.number().int(),
    answers: z
      .array(
        z.object({
          what: z.string(),
          url: z.string(),
          status: z.number().int(),
          listed: z.boolean().optional(),
          lists_key: z.boolean().optional(),
          value: z.number().int().optional(),
        }),
      )
      .openapi({
        description:
          'How public URLs are answered now, as the store gives it to the public plane: all of one member, of many some; `value` is what a status list says',
      }),
    still_served: z.number().int().openapi({ description: 'Statements about whom was cut that are still served; of a key, those that list it' }),
    others_may_hold: heldSchema,
    at_most_until: seconds.nullable().openapi({
      description: 'Nothing that was ever signed with the keys of these authorities lasts longer, also from before an end was moved nearer',
    }),
    registrations: z
      .object({
        clients: z.number().int(),
        servers: z.array(z.object({ server: z.string(), clients: z.number().int() })),
        software_statements: z.number().int().openapi({ description: 'That have not ended by time' }),
        initial_access_tokens: z.number().int().openapi({ description: 'That nobody used and that have not ended by time' }),
        until: seconds.nullable().openapi({ description: 'The latest end of these two: until then a server that asks nobody takes them' }),
      })
      .openapi({
        description:
          'What authorization servers reported of whom was cut (they ask, or are told by the status list), the servers with most of it; of a key of some',
      }),
    missing: z.number().int().openapi({ description: 'Halts of the same act under other authorities whose events are not found: they are not told of here' }),
    checked_at: seconds,
  })
  .openapi('HaltReceipt');
const haltedSchema = z
  .object({
    halt: z.string().openapi({ description: 'The act; each of its events names it' }),
    level: z.enum(HALT_LEVELS).openapi({ description: 'What is cut off' }),
    subject: z.string(),
    authority: z.string().nullable().openapi({ description: 'Whose chain has the event of the receipt; null: that of the deployment' }),
    already: z.boolean(),
    members: z.number().int().openapi({ description: 'Members that this act cut, or took a key from' }),
    note: z.string().nullable(),
    receipt: receiptSchema.nullable().openapi({ description: 'Null in a repeated answer: ask for the receipt' }),
  })
  .openapi('Halted');
const barredSchema = z
  .object({
    id: z.string(),
    entity_id: z.string(),
    member_id: z.string(),
    reason: z.string().nullable(),
    event: z.number().int().nullable(),
    barred_at: seconds,
  })
  .openapi('BarredIdentifier');

type Fields = Omit<z.infer<typeof haltBody>, 'reason' | 'mode' | 'reason_code' | 'public_reason'>;
const NEEDED: Readonly<Record<Target['level'], readonly (keyof Fields)[]>> = {
  key: ['key'],
  member: ['authority', 'member'],
  organization: [],
  mark_type: ['authority', 'type'],
  authority: ['authority'],
};
const ALLOWED: Readonly<Record<Target['level'], readonly (keyof Fields)[]>> = {
  key: ['key', 'authority', 'member'],
  member: ['authority', 'member'],
  organization: ['authority', 'organization', 'registration_number', 'jurisdiction', 'everywhere'],
  mark_type: ['authority', 'type'],
  authority: ['authority'],
};

/** @throws Refusal invalid_request for what is missing, or has nothing to do with the level */
function targetOf(fields: Fields): Target {
  const { level } = fields;
  const given = (Object.keys(fields) as (keyof Fields)[]).filter((one) => one !== 'level' && fields[one] !== undefined);
  const odd = given.find((one) => !ALLOWED[level].includes(one));
  if (odd) throw new Refusal('invalid_request', `${odd} has nothing to do with the level ${level}; known there are ${ALLOWED[level].join(', ')}`);
  const missing = NEEDED[level].find((one) => fields[one] === undefined);
  if (missing) throw new Refusal('invalid_request', `the level ${level} needs ${missing}`);
  const { authority = '', member = '', key = '', type = '' } = fields;
  if (level === 'key') return { level, key, authority: fields.authority, member: fields.member };
  if (level === 'member') return { level, authority, member };
  if (level === 'mark_type') return { level, authority, type };
  if (level === 'authority') return { level, authority };
  const byNumber = fields.registration_number !== undefined;
  if (byNumber === (fields.organization !== undefined))
    throw new Refusal('invalid_request', 'name the organization by organization (with authority) or by registration_number');
  if (!byNumber && fields.authority === undefined) throw new Refusal('invalid_request', 'the level organization needs authority, or a registration_number');
  if (byNumber && fields.authority !== undefined)
    throw new Refusal('invalid_request', 'a registration_number is meant at every authority: leave authority out');
  return {
    level,
    everywhere: fields.everywhere ?? false,
    authority: fields.authority,
    organization: fields.organization,
    registrationNumber: fields.registration_number,
    jurisdiction: fields.jurisdiction,
  };
}

const presentHeld = ({ until, seconds: left, endless }: Held): z.infer<typeof heldSchema> => ({ until, seconds: left, endless });
const presentReceipt = (one: Receipt): z.infer<typeof receiptSchema> => ({
  event: {
    authority: one.event.authority,
    seq: one.event.seq,
    at: one.event.at,
    type: one.event.type,
    hash: one.event.hash,
    reason_code: one.event.reasonCode,
  },
  subject: one.subject,
  already: one.already,
  members: one.members,
  answers: one.answers.map(({ listsKey, ...answer }) => ({ ...answer, ...(listsKey !== undefined && { lists_key: listsKey }) })),
  still_served: one.stillServed,
  others_may_hold: presentHeld(one.othersMayHold),
  at_most_until: one.atMostUntil,
  registrations: { ...one.registrations, servers: one.registrations.servers.map((server) => ({ ...server })) },
  missing: one.missing,
  checked_at: one.checkedAt,
});
const presentHalted = ({ receipt, ...one }: Halted): z.infer<typeof haltedSchema> => ({ ...one, receipt: receipt && presentReceipt(receipt) });

/** Cutting off, at every level by one call; what it would reach, and what has come of it. */
export function cuttingEndpoints(app: AdminApp): void {
  const tag = 'Halts';
  endpoint(
    app,
    {
      method: 'post',
      path: '/halts',
      tag,
      summary: 'Cut off a key, a member, an organization, a type of trust mark or an authority, in one commit',
      description:
        'Needs nothing of whoever is cut and no signature. What is cut already answers 200 with `already`. The answer has the receipt: the event, how each public URL is answered since, and until when others may hold what they fetched before.',
      body: haltBody,
      response: haltedSchema,
    },
    (c) => {
      const { reason: why, reason_code: code, public_reason: told, mode, ...fields } = validJson<z.infer<typeof haltBody>>(c);
      const target = targetOf(fields);
      return write(c, 200, presentHalted, (call) => halt(call, { target, mode: mode ?? 'suspend', reason: why, reasonCode: code, publicReason: told }));
    },
  );
  endpoint(
    app,
    { method: 'get', path: '/halts/reach', tag, summary: 'What a cut would reach, counted; changes nothing', query: reachQuery, response: reachSchema },
    async (c) => {
      const { everywhere: all, ...fields } = validQuery<z.infer<typeof reachQuery>>(c);
      const { otherAuthorities, othersMayHold, atMostUntil, atLeast, examples, ...counts } = await haltReach(
        c.var.call,
        targetOf({ ...fields, ...(all !== undefined && { everywhere: all === 'true' }) }),
      );
      return c.json({
        ...counts,
        other_authorities: otherAuthorities,
        at_least: atLeast.map((name) => (name === 'otherAuthorities' ? 'other_authorities' : name)),
        examples: [...examples],
        others_may_hold: presentHeld(othersMayHold),
        at_most_until: atMostUntil,
      });
    },
  );
  for (const [path, of, where] of [
    ['/authorities/{slug}/receipts/{seq}', (c) => param(c, 'slug'), 'of an authority'],
    ['/receipts/{seq}', () => null, 'of the deployment'],
  ] as const satisfies readonly (readonly [string, (c: Parameters<typeof param>[0]) => string | null, string])[])
    endpoint(
      app,
      { method: 'get', path, tag, summary: `What a cut in the chain ${where} has done, and what is answered now`, response: receiptSchema },
      async (c) => {
        return c.json(presentReceipt(await readReceipt(c.var.call, of(c), param(c, 'seq'))));
      },
    );
  endpoint(
    app,
    {
      method: 'get',
      path: '/authorities/{slug}/barred',
      tag,
      summary: 'Identifiers that were revoked; each comes back by an approver alone, with other keys',
      query: pageQuery,
      response: pageOf(barredSchema),
    },
    async (c) => {
      const found = await listBarred(c.var.call, param(c, 'slug'), validQuery<z.infer<typeof pageQuery>>(c));
      return c.json({
        items: found.items.map(({ id, entityId, memberId, reason: why, eventSeq, barredAt }) => ({
          id,
          entity_id: entityId,
          member_id: memberId,
          reason: why,
          event: eventSeq,
          barred_at: barredAt,
        })),
        next_cursor: found.next,
      });
    },
  );
}
