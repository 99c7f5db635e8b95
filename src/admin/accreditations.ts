import { z } from '@hono/zod-openapi';
import { addAccreditation, KINDS, renewAccreditation } from '../operations/accreditations/add-accreditation.js';
import { type Accreditation, listAccreditations, showAccreditation } from '../operations/accreditations/find-accreditation.js';
import { type SetAdmission, setAdmission } from '../operations/accreditations/set-admission.js';
import { verifyAccreditation } from '../operations/accreditations/verify-accreditation.js';
import { type Withdrawn, withdrawAccreditation } from '../operations/accreditations/withdraw-accreditation.js';
import { ACCREDITATION_STATES } from '../store/schema.js';
import { type AdminApp, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { evidenceSchema, presentEvidence } from './evidence.js';
import { authoritySchema, pageOf, pageQuery, presentAuthority, reason, seconds } from './wire.js';
import { write } from './write.js';

/** What members are accredited by, and what an authority demands. */
const kind = z.string().min(1).max(64);
const accreditationFields = {
  issuer: z.string().trim().min(1).max(300).openapi({ description: 'Who vouches: a certification body, a register, an insurer', example: 'Certifier AG' }),
  reference: z.string().trim().min(1).max(300).optional().openapi({ description: 'Under which number it is known there' }),
  valid_from: seconds.optional().openapi({ description: 'Left out: from now on' }),
  valid_until: seconds.nullable().optional().openapi({ description: 'null: it has no end' }),
};
const newAccreditation = z
  .strictObject({
    member: z.string().min(1).max(2048).optional().openapi({ description: 'Our id or the entity identifier; or else an organization' }),
    organization: z.string().min(1).max(300).optional().openapi({ description: 'Our id or the legal name; or else a member' }),
    kind: kind.openapi({ description: `${KINDS.join(', ')}, or a name of your own`, example: 'iso27001' }),
    ...accreditationFields,
  })
  .openapi('NewAccreditation', { example: { organization: 'Bank A', kind: 'iso27001', issuer: 'Certifier AG', valid_until: 1_900_000_000 } });
const renewal = z.strictObject({ ...accreditationFields, issuer: accreditationFields.issuer.optional() }).openapi('AccreditationRenewal');
const accreditationShape = {
  id: z.string(),
  member_id: z.string().nullable(),
  organization_id: z.string().nullable(),
  kind: z.string(),
  issuer: z.string(),
  reference: z.string().nullable(),
  valid_from: seconds,
  valid_until: seconds.nullable(),
  state: z.enum(ACCREDITATION_STATES).openapi({ description: 'in_force: somebody has verified it; its dates say whether it still is' }),
  expired: z.boolean(),
  lineage: z.string().openapi({ description: 'The first of those that renew each other: they are withdrawn together' }),
  supersedes: z.string().nullable().openapi({ description: 'The one that it renews' }),
  added_by: z.string(),
  verified_by: z.string().nullable(),
  verified_at: seconds.nullable(),
  withdrawn_reason: z.string().nullable(),
  created_at: seconds,
  updated_at: seconds,
  v: z.number().int(),
};
const accreditationSchema = z.object(accreditationShape).openapi('Accreditation');
const shownSchema = z.object({ ...accreditationShape, evidence: z.array(evidenceSchema) }).openapi('AccreditationWithEvidence');
const withdrawnSchema = z
  .object({ ...accreditationShape, suspended: z.array(z.string()).openapi({ description: 'Members that were suspended with it' }) })
  .openapi('WithdrawnAccreditation');
const listQuery = pageQuery.extend({
  member: z.string().min(1).max(2048).optional().openapi({ description: 'Our id or the entity identifier' }),
  organization: z.string().min(1).max(300).optional().openapi({ description: 'Our id or the legal name' }),
  kind: kind.optional().openapi({ description: 'Of that kind' }),
  state: z.enum(ACCREDITATION_STATES).optional().openapi({ description: 'In that state' }),
});
const verification = z
  .strictObject({ v: z.number().int().optional().openapi({ description: 'The version you looked at' }) })
  .openapi('AccreditationVerification');
const withdrawal = z.strictObject({ reason }).openapi('AccreditationWithdrawal');
const rule = z.strictObject({
  accreditations: z.array(kind).max(20).optional().openapi({ description: 'Kinds that a member has to have in force, itself or by its organization' }),
  sponsor: z.enum(['required', 'optional']).optional().openapi({ description: 'Whether somebody answers for it, and says so again in time' }),
});
const admissionBody = z
  .strictObject({
    rules: z
      .record(z.string().min(1).max(200), rule)
      .refine((rules) => Object.keys(rules).length <= 50, 'at most 50 Entity Types')
      .openapi({
        description: 'Entity Type, or * for all, to what its members have to have. It replaces what stood there',
        example: { oauth_client: { sponsor: 'required' } },
      }),
    suspend: z.boolean().optional().openapi({ description: 'Suspend the active members that do not meet them; else rules that some do not meet are refused' }),
  })
  .openapi('AdmissionRules');
const admissionSchema = z.object({ authority: authoritySchema, suspended: z.array(z.string()) }).openapi('AdmissionSet');

const presentAt =
  (now: number) =>
  (row: Accreditation): z.infer<typeof accreditationSchema> => ({
    id: row.id,
    member_id: row.memberId,
    organization_id: row.organizationId,
    kind: row.kind,
    issuer: row.issuer,
    reference: row.reference,
    valid_from: row.validFrom,
    valid_until: row.validUntil,
    state: row.state,
    expired: row.validUntil !== null && row.validUntil <= now,
    lineage: row.lineage,
    supersedes: row.supersedes,
    added_by: row.addedBy,
    verified_by: row.verifiedBy,
    verified_at: row.verifiedAt,
    withdrawn_reason: row.withdrawnReason,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
    v: row.v,
  });
const fieldsOf = (body: z.infer<typeof renewal>) => ({
  issuer: body.issuer,
  reference: body.reference,
  validFrom: body.valid_from,
  validUntil: body.valid_until,
});

export function accreditationEndpoints(app: AdminApp): void {
  const tag = 'Accreditations';
  const base = '/authorities/{slug}/accreditations';
  endpoint(app, { method: 'get', path: base, tag, summary: 'Search accreditations', query: listQuery, response: pageOf(accreditationSchema) }, async (c) => {
    const found = await listAccreditations(c.var.call, param(c, 'slug'), validQuery<z.infer<typeof listQuery>>(c));
    return c.json({ items: found.items.map(presentAt(c.var.call.now())), next_cursor: found.next });
  });
  endpoint(
    app,
    {
      method: 'post',
      path: base,
      tag,
      summary: 'Put an accreditation on record',
      description: 'It is about a member or an organization, and counts for nothing before somebody has verified it.',
      body: newAccreditation,
      response: accreditationSchema,
      status: 201,
    },
    (c) => {
      const { member, organization, kind: what, ...rest } = validJson<z.infer<typeof newAccreditation>>(c);
      const input = { member, organization, kind: what, ...fieldsOf(rest), issuer: rest.issuer };
      return write(c, 201, presentAt(c.var.call.now()), (call) => addAccreditation(call, param(c, 'slug'), input));
    },
  );
  endpoint(app, { method: 'get', path: `${base}/{accreditation}`, tag, summary: 'One accreditation with its evidence', response: shownSchema }, async (c) => {
    const { row, evidence } = await showAccreditation(c.var.call, param(c, 'slug'), param(c, 'accreditation'));
    return c.json({ ...presentAt(c.var.call.now())(row), evidence: evidence.map(presentEvidence) });
  });
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{accreditation}/verify`,
      tag,
      summary: 'Say that you looked at it and its evidence: it counts from now on',
      description: 'With quorum 2 that is somebody other than who added it and who handed in its evidence.',
      body: verification,
      bodyOptional: true,
      response: accreditationSchema,
    },
    (c) => {
      const { v } = validJson<z.infer<typeof verification>>(c);
      return write(c, 200, presentAt(c.var.call.now()), (call) => verifyAccreditation(call, param(c, 'slug'), param(c, 'accreditation'), v));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{accreditation}/withdraw`,
      tag,
      summary: 'Withdraw it, with all that renews it: members that have to have it are suspended, marks that hang on it revoked',
      body: withdrawal,
      response: withdrawnSchema,
    },
    (c) => {
      const body = validJson<z.infer<typeof withdrawal>>(c);
      const present = ({ row, suspended }: Withdrawn) => ({ ...presentAt(c.var.call.now())(row), suspended: [...suspended] });
      return write(c, 200, present, (call) => withdrawAccreditation(call, param(c, 'slug'), param(c, 'accreditation'), body.reason));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{accreditation}/renew`,
      tag,
      summary: 'Put on record what renews it; the one before stays until its end',
      body: renewal,
      response: accreditationSchema,
      status: 201,
    },
    (c) => {
      const input = fieldsOf(validJson<z.infer<typeof renewal>>(c));
      return write(c, 201, presentAt(c.var.call.now()), (call) => renewAccreditation(call, param(c, 'slug'), param(c, 'accreditation'), input));
    },
  );
  endpoint(
    app,
    {
      method: 'put',
      path: '/authorities/{slug}/admission',
      tag: 'Authorities',
      summary: 'What members have to have to be in force, by Entity Type',
      description: 'To demand more takes one person. To demand less takes the quorum: with 2 the first is answered 202.',
      body: admissionBody,
      response: admissionSchema,
      waits: true,
    },
    (c) => {
      const { rules, suspend } = validJson<z.infer<typeof admissionBody>>(c);
      const present = ({ authority, suspended }: SetAdmission) => ({ authority: presentAuthority(authority), suspended: [...suspended] });
      return write(c, 200, present, (call) => setAdmission(call, param(c, 'slug'), { rules: rules as never, suspend }));
    },
  );
}
