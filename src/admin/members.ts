import { z } from '@hono/zod-openapi';
import { adoptMemberKeys, changeMember, replaceMemberKeys } from '../operations/members/change-member.js';
import { keysAbout, keysOfMembers } from '../operations/binding/show-keys.js';
import { enrollMember } from '../operations/members/enroll-member.js';
import { hostConfiguration, unhostConfiguration } from '../operations/members/host-configuration.js';
import { MEMBER_VERBS, type MemberVerb } from '../operations/members/member-verbs.js';
import { type Moved, moveMember } from '../operations/members/move-member.js';
import { preflight } from '../operations/members/preflight.js';
import { organizationNames } from '../operations/organizations/name-organization.js';
import type { MemberRow } from '../operations/registry.js';
import { listMembers } from '../operations/members/search-members.js';
import { Refusal } from '../operations/refusal.js';
import { statementOf } from '../operations/artefacts/statement-of.js';
import { showMember } from '../operations/members/show-member.js';
import { showClientDocument } from '../operations/resolving/show-client-document.js';
import { waivableOf } from '../operations/members/waivers.js';
import { MEMBER_STATES, type MemberState, WITHHELD } from '../store/schema.js';
import { type AdminApp, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import {
  enrollmentOf,
  memberChange,
  memberInput,
  memberSchema,
  newMember,
  pageOf,
  pageQuery,
  presentMember,
  publicReason,
  reason,
  reasonCode,
  shownBy,
  withFindings,
} from './wire.js';
import { write } from './write.js';

const memberQuery = pageQuery.extend({
  state: z
    .string()
    .optional()
    .openapi({ description: `One or several, comma separated: ${MEMBER_STATES.join(', ')}` }),
  q: z.string().min(1).max(200).optional().openapi({ description: "Part of the identifier or of the organization's name" }),
  entity_type: z.string().max(200).optional().openapi({ description: 'An Entity Type that it declares' }),
  organization: z.string().max(300).optional().openapi({ description: 'Our id or the legal name' }),
  bundle: z.string().min(1).max(64).optional().openapi({ description: 'Name of a bundle of entitlements that it has' }),
  intermediate: z.enum(['true', 'false']).optional().openapi({ description: 'Whether it has subordinates' }),
});
const preflightBody = z
  .strictObject({ entity_id: z.string(), entity_configuration: z.string().optional(), profile: z.string().max(60).optional() })
  .openapi('PreflightInput');
const preflightSchema = z
  .object({
    entity_id: z.string(),
    ok: z.boolean(),
    source: z.string(),
    entity_types: z.array(z.string()),
    intermediate: z.boolean(),
    findings: z.array(z.record(z.string(), z.unknown())),
    waivable: z.array(z.string()).openapi({ description: 'Codes among the errors that an enrolment may waive' }),
    jwks: z
      .object({ keys: z.array(z.record(z.string(), z.unknown())) })
      .nullable()
      .openapi({ description: 'Its public keys; null where none that can be used was seen' }),
  })
  .openapi('Preflight');
const keysBody = z
  .strictObject({
    jwks: z.unknown().optional(),
    pem: z.string().optional(),
    reason,
    v: z.number().int().optional(),
    waive: z.array(z.string()).max(50).optional(),
  })
  .openapi('KeyReplacement');
const hostBody = z
  .strictObject({ entity_configuration: z.string().min(1).max(262_144), domain_control: shownBy.optional(), waive: z.array(z.string()).max(50).optional() })
  .openapi('HostedConfiguration');
const adoptBody = z.strictObject({ entity_configuration: z.string().optional() }).openapi('KeyAdoption');
const asOf = z.number().int().min(0).openapi({
  description: 'the number of the last event when you looked: refused with 412 when the member was cut since then, also where nothing was left to cut',
});
const optionalReason = z.strictObject({ reason: reason.optional(), v: z.number().int().optional(), as_of: asOf.optional() }).openapi('Transition');
const neededReason = z.strictObject({ reason, v: z.number().int().optional() }).openapi('ReasonedTransition');
const cutReason = z.strictObject({ reason, reason_code: reasonCode, public_reason: publicReason, v: z.number().int().optional() }).openapi('Cut');
const clientDocumentSchema = z
  .object({
    client_id: z.string().openapi({ description: 'Where it is served, and the client identifier' }),
    document: z.record(z.string(), z.unknown()).nullable().openapi({ description: 'null where there is none' }),
    exp: z.number().nullable().openapi({ description: 'Seconds since the epoch: it is made anew before' }),
    findings: z.array(z.record(z.string(), z.unknown())).openapi({ description: 'Why there is none' }),
  })
  .openapi('ClientMetadataDocument');
const statementSchema = z
  .object({
    compact: z.string(),
    header: z.record(z.string(), z.unknown()),
    claims: z.record(z.string(), z.unknown()),
    exp: z.number().nullable(),
    withheld: z.enum(WITHHELD).nullable().openapi({ description: 'Why it is not served (503) until it is signed anew; null: it is' }),
  })
  .openapi('Statement');

const shownMember = (row: MemberRow) => presentMember(row);

const SUMMARIES: Record<MemberVerb, string> = {
  take: 'Begin vetting an applicant',
  approve: 'Approve: nothing is signed yet',
  activate: 'Publish the statement about what was approved',
  refuse: 'Refuse, with a reason',
  withdraw: 'Withdraw an application',
  suspend: 'Cut off at once; needs nothing from the member',
  resume: 'Take a suspended member back; one that was changed meanwhile: the version you saw (v)',
  revoke: 'Cut off for good; the identifier stays barred',
  archive: 'Close the record of a member that ended',
};

function statesOf(text: string | undefined): readonly MemberState[] {
  const states = z.array(z.enum(MEMBER_STATES)).safeParse(text?.split(',') ?? []);
  if (!states.success) throw new Refusal('invalid_request', `state is one or several of ${MEMBER_STATES.join(', ')}`);
  return states.data;
}

export function memberEndpoints(app: AdminApp): void {
  const tag = 'Members';
  const base = '/authorities/{slug}/members';
  endpoint(app, { method: 'get', path: base, tag, summary: 'Search members', query: memberQuery, response: pageOf(memberSchema) }, async (c) => {
    const query = validQuery<z.infer<typeof memberQuery>>(c);
    const states = statesOf(query.state);
    const found = await listMembers(c.var.call, param(c, 'slug'), {
      limit: query.limit,
      cursor: query.cursor,
      state: states,
      q: query.q,
      entityType: query.entity_type,
      organization: query.organization,
      bundle: query.bundle,
      intermediate: query.intermediate === undefined ? undefined : query.intermediate === 'true',
    });
    const names = await organizationNames(c.var.call, found.items);
    const keys = await keysOfMembers(c.var.call.store.db, found.items);
    return c.json({ items: found.items.map((row) => presentMember(row, names.get(row.organizationId ?? ''), keys.get(row.id))), next_cursor: found.next });
  });
  endpoint(
    app,
    {
      method: 'post',
      path: base,
      tag,
      summary: 'Enrol a member',
      description:
        'Keys come from one of jwks, pem, entity_configuration, or, with none of them, from the live configuration after pre-flight. An entity that was refused or that withdrew applies again, with its history; one that was revoked or archived comes back by an approver and with a reason (readmit).',
      body: newMember,
      response: memberSchema,
      status: 201,
    },
    (c) => {
      const input = enrollmentOf(validJson<z.infer<typeof newMember>>(c));
      return write(c, 201, withFindings(shownMember), (call) => enrollMember(call, param(c, 'slug'), input));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: '/authorities/{slug}/preflight',
      tag,
      summary: 'Check an entity against the rules; changes nothing',
      body: preflightBody,
      response: preflightSchema,
      reads: true,
    },
    async (c) => {
      const body = validJson<z.infer<typeof preflightBody>>(c);
      const report = await preflight(c.var.call, param(c, 'slug'), body.entity_id, body.entity_configuration, body.profile);
      return c.json({
        entity_id: report.entityId,
        ok: report.findings.every(({ severity }) => severity !== 'error'),
        source: report.source,
        entity_types: report.entityTypes,
        intermediate: report.intermediate,
        findings: report.findings,
        waivable: waivableOf(report.findings),
        jwks: report.jwks,
      });
    },
  );
  endpoint(app, { method: 'get', path: `${base}/{id}`, tag, summary: 'One member', response: memberSchema }, async (c) => {
    const row = await showMember(c.var.call, param(c, 'slug'), param(c, 'id'));
    const names = await organizationNames(c.var.call, [row]);
    const keys = await keysAbout(c.var.call.store.db, row);
    return c.json({ ...withFindings((one: MemberRow) => presentMember(one, names.get(one.organizationId ?? ''), keys))(row), status: row.status });
  });
  endpoint(
    app,
    { method: 'patch', path: `${base}/{id}`, tag, summary: 'Change what we say about a member', body: memberChange, response: memberSchema, waits: true },
    (c) => {
      const body = validJson<z.infer<typeof memberChange>>(c);
      return write(c, 200, shownMember, (call) =>
        changeMember(call, param(c, 'slug'), param(c, 'id'), { ...memberInput(body), organization: body.organization, version: body.v }),
      );
    },
  );
  for (const name of Object.keys(MEMBER_VERBS) as MemberVerb[]) {
    const needed = 'reason' in MEMBER_VERBS[name];
    endpoint(
      app,
      {
        method: 'post',
        path: `${base}/{id}/${name}`,
        tag,
        summary: SUMMARIES[name],
        body: MEMBER_VERBS[name].effect === 'cut' ? cutReason : needed ? neededReason : optionalReason,
        bodyOptional: !needed,
        response: memberSchema,
        waits: name === 'approve' || name === 'resume',
      },
      (c) => {
        const body = validJson<z.infer<typeof optionalReason> & Pick<z.infer<typeof cutReason>, 'public_reason' | 'reason_code'>>(c);
        return write(
          c,
          200,
          ({ member, already }: Moved) => ({ ...presentMember(member), ...(already && { already: true }) }),
          (call) =>
            moveMember(call, param(c, 'slug'), param(c, 'id'), name, {
              reason: body.reason,
              publicReason: body.public_reason,
              version: body.v,
              asOf: body.as_of,
              reasonCode: body.reason_code,
            }),
        );
      },
    );
  }
  endpoint(
    app,
    {
      method: 'put',
      path: `${base}/{id}/keys`,
      tag,
      summary: 'Replace the keys; you vouch for the new ones',
      body: keysBody,
      response: memberSchema,
      waits: true,
    },
    (c) => {
      const body = validJson<z.infer<typeof keysBody>>(c);
      return write(c, 200, withFindings(shownMember), (call) =>
        replaceMemberKeys(call, param(c, 'slug'), param(c, 'id'), { jwks: body.jwks, pem: body.pem, reason: body.reason, version: body.v, waive: body.waive }),
      );
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/{id}/keys/adopt`,
      tag,
      summary: 'Adopt the keys of a configuration that a known key has signed',
      body: adoptBody,
      bodyOptional: true,
      response: memberSchema,
    },
    (c) => {
      const body = validJson<z.infer<typeof adoptBody>>(c);
      return write(c, 200, withFindings(shownMember), (call) => adoptMemberKeys(call, param(c, 'slug'), param(c, 'id'), body.entity_configuration));
    },
  );
  endpoint(
    app,
    {
      method: 'put',
      path: `${base}/{id}/configuration`,
      tag,
      summary: 'Serve the entity configuration that the member signed; its statement then says where (ec_location)',
      body: hostBody,
      response: memberSchema,
    },
    (c) => {
      const body = validJson<z.infer<typeof hostBody>>(c);
      return write(c, 200, withFindings(shownMember), (call) =>
        hostConfiguration(call, param(c, 'slug'), param(c, 'id'), body.entity_configuration.trim(), { shownBy: body.domain_control, waive: body.waive }),
      );
    },
  );
  endpoint(app, { method: 'delete', path: `${base}/{id}/configuration`, tag, summary: 'Serve it no longer', response: memberSchema }, (c) =>
    write(c, 200, shownMember, (call) => unhostConfiguration(call, param(c, 'slug'), param(c, 'id'))),
  );
  endpoint(
    app,
    { method: 'get', path: `${base}/{id}/statement`, tag, summary: 'The statement that is published about a member, decoded', response: statementSchema },
    async (c) => c.json(await statementOf(c.var.call, param(c, 'slug'), param(c, 'id'))),
  );
  endpoint(
    app,
    {
      method: 'get',
      path: `${base}/{id}/client-metadata-document`,
      tag,
      summary: 'What is served about a client to servers that know no federations, and where; or why nothing is',
      response: clientDocumentSchema,
    },
    async (c) => {
      const { clientId, ...rest } = await showClientDocument(c.var.call, param(c, 'slug'), param(c, 'id'));
      return c.json({ client_id: clientId, ...rest });
    },
  );
}
