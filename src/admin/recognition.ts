import { z } from '@hono/zod-openapi';
import { listRecognized, type RecognizedType } from '../operations/marks/list-recognized.js';
import { type DelegationRow, delegateMarkType, forgetMarkType, listDelegations, recognizeMarkType } from '../operations/marks/recognize-marks.js';
import { type AdminApp, param, validJson } from './context.js';
import { endpoint } from './endpoint.js';
import { authoritySchema, pageOf, presentAuthority, seconds, withFindings } from './wire.js';
import { write } from './write.js';

/** The wire of what a trust anchor says of types of trust mark, and of what an owner of one delegates. */
const uri = z.string().min(1).max(2048);
const tag = 'Trust marks';
const recognition = z
  .strictObject({
    issuers: z.array(uri).max(1000).optional().openapi({ description: 'Who may issue it; [] means anyone (§3.1.2)' }),
    owner: z.strictObject({ sub: uri, jwks: z.unknown() }).nullable().optional(),
  })
  .openapi('Recognition');
const newDelegation = z.strictObject({ issuer: uri, lifetime: seconds.optional(), ref: uri.optional() }).openapi('NewDelegation');
const delegationSchema = z
  .object({ id: z.string(), trust_mark_type: z.string(), sub: z.string(), iat: seconds, exp: seconds, delegation: z.string() })
  .openapi('Delegation');
const presentDelegation = (row: DelegationRow): z.infer<typeof delegationSchema> => ({
  id: row.id,
  trust_mark_type: row.trustMarkType,
  sub: row.sub,
  iat: row.iat,
  exp: row.exp,
  delegation: row.bytes,
});

const recognizedSchema = z
  .object({
    trust_mark_type: z.string(),
    issuers: z.array(z.string()).nullable().openapi({ description: 'Who may issue it; [] means anyone (§3.1.2); null: nothing is said' }),
    owner: z
      .object({ sub: z.string(), jwks: z.record(z.string(), z.unknown()) })
      .nullable()
      .openapi({ description: 'Who owns it, with the keys that sign delegations; null: nobody' }),
  })
  .openapi('RecognizedTrustMarkType');
const presentRecognized = (one: RecognizedType): z.infer<typeof recognizedSchema> => ({
  trust_mark_type: one.trustMarkType,
  issuers: one.issuers === null ? null : [...one.issuers],
  owner: one.owner === null ? null : { sub: one.owner.sub, jwks: { ...one.owner.jwks } },
});

export function recognitionEndpoints(app: AdminApp): void {
  const base = '/authorities/{slug}/mark-types';
  endpoint(
    app,
    {
      method: 'get',
      path: '/authorities/{slug}/recognized-mark-types',
      tag,
      summary: 'As a trust anchor: the types recognized, who may issue them and who owns them',
      description: 'What trust_mark_issuers and trust_mark_owners of the entity configuration say (§3.1.2), by type.',
      response: pageOf(recognizedSchema),
    },
    async (c) => c.json({ items: (await listRecognized(c.var.call, param(c, 'slug'))).map(presentRecognized), next_cursor: null }),
  );
  endpoint(
    app,
    {
      method: 'put',
      path: `${base}/{type}/recognition`,
      tag,
      summary: 'As a trust anchor: who may issue a type, and who owns it',
      description: 'Sets trust_mark_issuers and trust_mark_owners of the entity configuration (§3.1.2).',
      body: recognition,
      response: authoritySchema,
      waits: true,
    },
    (c) => {
      const body = validJson<z.infer<typeof recognition>>(c);
      return write(c, 200, withFindings(presentAuthority), (call) =>
        recognizeMarkType(call, param(c, 'slug'), {
          type: param(c, 'type'),
          issuers: body.issuers,
          owner: body.owner as { sub: string; jwks: unknown } | null | undefined,
        }),
      );
    },
  );
  endpoint(
    app,
    { method: 'delete', path: `${base}/{type}/recognition`, tag, summary: 'As a trust anchor: recognize a type no longer', response: authoritySchema },
    (c) => write(c, 200, presentAuthority, (call) => forgetMarkType(call, param(c, 'slug'), param(c, 'type'))),
  );
  endpoint(
    app,
    { method: 'get', path: `${base}/{type}/delegations`, tag, summary: 'Delegations signed for a type', response: pageOf(delegationSchema) },
    async (c) => c.json({ items: (await listDelegations(c.var.call, param(c, 'slug'), param(c, 'type'))).map(presentDelegation), next_cursor: null }),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{type}/delegations`,
      tag,
      summary: 'As the owner of a type: let another entity issue it (§7.2)',
      body: newDelegation,
      response: delegationSchema,
      status: 201,
      waits: true,
    },
    (c) => {
      const body = validJson<z.infer<typeof newDelegation>>(c);
      return write(c, 201, presentDelegation, (call) => delegateMarkType(call, param(c, 'slug'), { type: param(c, 'type'), ...body }));
    },
  );
}
