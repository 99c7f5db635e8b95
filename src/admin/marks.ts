import { z } from '@hono/zod-openapi';
import { type Granted, grantMark, withdrawGrant, withdrawInstance } from '../operations/marks/grant-mark.js';
import { endOf, type GrantRow, type MarkRow, type MarkTypeRow } from '../operations/marks/issue-mark.js';
import { changeMarkType, createMarkType, haltMarkType, listMarkTypes } from '../operations/marks/mark-types.js';
import { hideOwnMark, listOwnMarks, showOwnMark } from '../operations/marks/own-marks.js';
import type { OwnMarkRow } from '../operations/artefacts/publish.js';
import { listGrants, listIssued, markOf } from '../operations/marks/read-marks.js';
import { type AdminApp, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { recognitionEndpoints } from './recognition.js';
import { pageOf, pageQuery, reason, seconds } from './wire.js';
import { write } from './write.js';

/** The wire of trust marks: types, grants, issued marks, delegations, and the marks our own configurations show. */
const uri = z.string().min(1).max(2048);
const jwt = z.string().min(1).max(262_144);

const typeFields = {
  logo_uri: uri.nullable().optional(),
  ref: uri.nullable().optional(),
  lifetime: seconds
    .nullable()
    .optional()
    .openapi({ description: 'Seconds a mark is valid; it is renewed ahead of its end. null: marks carry no exp unless grant, membership or delegation end' }),
  delegation: jwt.nullable().optional().openapi({ description: "The owner's delegation, a compact JWT (§7.2)" }),
};
const newType = z.strictObject({ trust_mark_type: uri, ...typeFields }).openapi('NewTrustMarkType');
const typeChange = z.strictObject({ ...typeFields, v: z.number().int().optional() }).openapi('TrustMarkTypeChange');
const typeSchema = z
  .object({
    trust_mark_type: z.string(),
    state: z.enum(['active', 'halted']),
    logo_uri: z.string().nullable(),
    ref: z.string().nullable(),
    lifetime: seconds.nullable(),
    delegated_until: seconds.nullable(),
    delegated: z.boolean(),
    created_at: seconds,
    v: z.number().int(),
    withdrawn: z.number().int().optional(),
  })
  .openapi('TrustMarkType');
const presentType = (row: MarkTypeRow & { readonly withdrawn?: number }): z.infer<typeof typeSchema> => ({
  trust_mark_type: row.trustMarkType,
  state: row.state,
  logo_uri: row.logoUri,
  ref: row.ref,
  lifetime: row.lifetime || null,
  delegated: row.delegation !== null,
  delegated_until: row.delegationExp,
  created_at: row.createdAt,
  v: row.v,
  ...(row.withdrawn !== undefined && { withdrawn: row.withdrawn }),
});
const typeInput = (body: z.infer<typeof typeChange>) => ({ logoUri: body.logo_uri, ref: body.ref, lifetime: body.lifetime, delegation: body.delegation });

const newGrant = z
  .strictObject({
    trust_mark_type: uri,
    member: z.string().openapi({ description: 'Our id or the entity identifier' }),
    accreditation: z
      .string()
      .max(60)
      .optional()
      .openapi({ description: 'Id of an accreditation of the member or its organization: the mark ends with it, and is withdrawn with it' }),
    member_of: z.string().optional().openapi({ description: 'Slug of the authority whose member it is; the issuing one by default' }),
    valid_until: seconds.nullable().optional(),
  })
  .openapi('NewGrant');
const grantSchema = z
  .object({
    id: z.string(),
    trust_mark_type: z.string(),
    entity_id: z.string(),
    state: z.enum(['active', 'revoked']),
    reason: z.string().nullable(),
    valid_until: seconds.nullable(),
    accreditation: z.string().nullable().openapi({ description: 'What it hangs on' }),
    created_at: seconds,
    updated_at: seconds,
    jti: z.string().nullable(),
    exp: seconds.nullable(),
    trust_mark: z.string().optional(),
  })
  .openapi('TrustMarkGrant', { description: '`jti` and `exp` are of the mark in force; both null while there is none, `exp` alone for a mark without end' });
const presentGrant = (row: GrantRow, mark: { readonly jti: string | null; readonly exp: number | null } | null): z.infer<typeof grantSchema> => ({
  id: row.id,
  trust_mark_type: row.trustMarkType,
  entity_id: row.entityId,
  state: row.state,
  reason: row.reason,
  valid_until: row.validUntil,
  accreditation: row.accreditationId,
  created_at: row.createdAt,
  updated_at: row.updatedAt,
  jti: mark?.jti ?? null,
  exp: mark && mark.exp !== null ? endOf(mark.exp) : null,
});
const presentGranted = ({ grant, mark }: Granted) => ({ ...presentGrant(grant, mark), ...(mark && { trust_mark: mark.bytes }) });
const grantQuery = pageQuery.extend({
  trust_mark_type: uri.optional().openapi({ description: 'Grants of that type' }),
  member: uri.optional().openapi({ description: 'Our id or the entity identifier of the bearer' }),
  state: z.enum(['active', 'revoked']).optional().openapi({ description: 'In force, or not' }),
});
const withReason = z.strictObject({ reason }).openapi('Withdrawal');
const issuedSchema = z
  .object({
    jti: z.string(),
    trust_mark_type: z.string(),
    entity_id: z.string(),
    iat: seconds,
    exp: seconds.nullable(),
    revoked_at: seconds.nullable(),
    reason: z.string().nullable(),
    trust_mark: z.string(),
  })
  .openapi('IssuedTrustMark');
const presentIssued = (row: MarkRow): z.infer<typeof issuedSchema> => ({
  jti: row.jti,
  trust_mark_type: row.trustMarkType,
  entity_id: row.entityId,
  iat: row.iat,
  exp: endOf(row.exp),
  revoked_at: row.revokedAt,
  reason: row.reason,
  trust_mark: row.bytes,
});
const markQuery = z.object({
  trust_mark_type: uri.openapi({ description: 'The type of mark' }),
  sub: uri.openapi({ description: 'The entity that bears it' }),
});

const newOwn = z.strictObject({ trust_mark: jwt }).openapi('NewOwnTrustMark');
const hidden = z.strictObject({ trust_mark_type: uri, iss: uri.optional() }).openapi('HiddenTrustMark');
const ownSchema = z
  .object({
    trust_mark_type: z.string(),
    iss: z.string(),
    exp: seconds.nullable(),
    checked_at: seconds,
    problem: z.string().nullable(),
    trust_mark: z.string(),
  })
  .openapi('OwnTrustMark');
const presentOwn = (row: OwnMarkRow): z.infer<typeof ownSchema> => ({
  trust_mark_type: row.trustMarkType,
  iss: row.iss,
  exp: row.exp,
  checked_at: row.checkedAt,
  problem: row.problem,
  trust_mark: row.bytes,
});

const tag = 'Trust marks';

export function markEndpoints(app: AdminApp): void {
  typeEndpoints(app, '/authorities/{slug}/mark-types');
  grantEndpoints(app, '/authorities/{slug}/marks');
  ownEndpoints(app, '/authorities/{slug}/own-marks');
}

function typeEndpoints(app: AdminApp, base: string): void {
  endpoint(app, { method: 'get', path: base, tag, summary: 'Types of trust mark this authority issues', response: pageOf(typeSchema) }, async (c) =>
    c.json({ items: (await listMarkTypes(c.var.call, param(c, 'slug'))).map(presentType), next_cursor: null }),
  );
  endpoint(app, { method: 'post', path: base, tag, summary: 'Begin to issue a type', body: newType, response: typeSchema, status: 201 }, (c) => {
    const body = validJson<z.infer<typeof newType>>(c);
    return write(c, 201, presentType, (call) => createMarkType(call, param(c, 'slug'), body.trust_mark_type, typeInput(body)));
  });
  endpoint(
    app,
    {
      method: 'patch',
      path: `${base}/{type}`,
      tag,
      summary: 'Change a type; marks follow at their renewal',
      body: typeChange,
      response: typeSchema,
      waits: true,
    },
    (c) => {
      const body = validJson<z.infer<typeof typeChange>>(c);
      return write(c, 200, presentType, (call) => changeMarkType(call, param(c, 'slug'), param(c, 'type'), { ...typeInput(body), version: body.v }));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{type}/halt`,
      tag,
      summary: 'Withdraw every mark of a type at once and issue no more',
      body: withReason,
      response: typeSchema,
    },
    (c) => {
      const body = validJson<z.infer<typeof withReason>>(c);
      return write(c, 200, presentType, (call) => haltMarkType(call, param(c, 'slug'), param(c, 'type'), true, body.reason));
    },
  );
  endpoint(
    app,
    { method: 'post', path: `${base}/{type}/resume`, tag, summary: 'Allow grants of a halted type again', response: typeSchema, waits: true },
    (c) => write(c, 200, presentType, (call) => haltMarkType(call, param(c, 'slug'), param(c, 'type'), false, undefined)),
  );
  recognitionEndpoints(app);
}

function grantEndpoints(app: AdminApp, base: string): void {
  endpoint(app, { method: 'get', path: base, tag, summary: 'Grants, with the mark in force', query: grantQuery, response: pageOf(grantSchema) }, async (c) => {
    const { trust_mark_type: type, ...query } = validQuery<z.infer<typeof grantQuery>>(c);
    const found = await listGrants(c.var.call, param(c, 'slug'), { ...query, type });
    return c.json({ items: found.items.map((one) => presentGrant(one, one)), next_cursor: found.next });
  });
  endpoint(
    app,
    {
      method: 'post',
      path: base,
      tag,
      summary: 'Grant a mark to an active member and publish it',
      body: newGrant,
      response: grantSchema,
      status: 201,
      waits: true,
    },
    (c) => {
      const body = validJson<z.infer<typeof newGrant>>(c);
      const input = {
        type: body.trust_mark_type,
        member: body.member,
        memberOf: body.member_of,
        validUntil: body.valid_until,
        accreditation: body.accreditation,
      };
      return write(c, 201, presentGranted, (call) => grantMark(call, param(c, 'slug'), input));
    },
  );
  endpoint(
    app,
    { method: 'get', path: `${base}/current`, tag, summary: 'The mark of a type that an entity bears now', query: markQuery, response: issuedSchema },
    async (c) => {
      const query = validQuery<z.infer<typeof markQuery>>(c);
      return c.json(presentIssued(await markOf(c.var.call, param(c, 'slug'), query.trust_mark_type, query.sub)));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{id}/withdraw`,
      tag,
      summary: 'Withdraw a grant: its marks turn to revoked at once',
      body: withReason,
      response: grantSchema,
    },
    (c) => {
      const body = validJson<z.infer<typeof withReason>>(c);
      return write(c, 200, presentGranted, (call) => withdrawGrant(call, param(c, 'slug'), param(c, 'id'), body.reason));
    },
  );
  endpoint(
    app,
    { method: 'get', path: `${base}/{id}/issued`, tag, summary: 'Marks issued from a grant, newest first', response: pageOf(issuedSchema) },
    async (c) => c.json({ items: (await listIssued(c.var.call, param(c, 'slug'), param(c, 'id'))).map(presentIssued), next_cursor: null }),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: '/authorities/{slug}/issued-marks/{jti}/withdraw',
      tag,
      summary: 'Withdraw one issued mark; a fresh one takes its place while the grant stands',
      body: withReason,
      response: issuedSchema,
    },
    (c) => {
      const body = validJson<z.infer<typeof withReason>>(c);
      return write(c, 200, presentIssued, (call) => withdrawInstance(call, param(c, 'slug'), param(c, 'jti'), body.reason));
    },
  );
}

function ownEndpoints(app: AdminApp, base: string): void {
  endpoint(app, { method: 'get', path: base, tag, summary: 'Marks of others shown in the own configuration', response: pageOf(ownSchema) }, async (c) =>
    c.json({ items: (await listOwnMarks(c.var.call, param(c, 'slug'))).map(presentOwn), next_cursor: null }),
  );
  endpoint(
    app,
    { method: 'post', path: base, tag, summary: 'Show a mark that another entity issued to this authority', body: newOwn, response: ownSchema, status: 201 },
    (c) => {
      const body = validJson<z.infer<typeof newOwn>>(c);
      return write(c, 201, presentOwn, (call) => showOwnMark(call, param(c, 'slug'), body.trust_mark.trim()));
    },
  );
  endpoint(
    app,
    { method: 'post', path: `${base}/hide`, tag, summary: 'Take such a mark out', body: hidden, response: z.object({ hidden: z.boolean() }) },
    (c) => {
      const body = validJson<z.infer<typeof hidden>>(c);
      return write(
        c,
        200,
        () => ({ hidden: true }),
        (call) => hideOwnMark(call, param(c, 'slug'), body.trust_mark_type, body.iss),
      );
    },
  );
}
