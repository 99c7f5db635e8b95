import { z } from '@hono/zod-openapi';
import { getOrganization, organizationReach, type OrganizationRow } from '../operations/organizations/find-organization.js';
import { haltOrganization, type MovedOrganization } from '../operations/organizations/halt-organization.js';
import { changeOrganization, createOrganization } from '../operations/organizations/name-organization.js';
import { resumeOrganization } from '../operations/organizations/resume-organization.js';
import { listOrganizations } from '../operations/read.js';
import { ORGANIZATION_STATES } from '../store/schema.js';
import { type AdminApp, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { pageOf, pageQuery, publicReason, reason, seconds } from './wire.js';
import { write } from './write.js';

const fields = {
  id: z.string(),
  legal_name: z.string(),
  registration_number: z.string().nullable().openapi({ description: 'In a public register; as it is compared: without spaces, in capitals' }),
  jurisdiction: z.string().nullable().openapi({ description: 'Whose register: ISO 3166-1 or 3166-2' }),
  state: z.enum(ORGANIZATION_STATES),
  state_reason: z.string().nullable(),
  created_at: seconds,
  updated_at: seconds,
};
const organizationSchema = z.object(fields).openapi('Organization');
const atLeast = z.boolean().openapi({ description: 'There are more: not all is counted where there is a lot' });
const countedSchema = z
  .object({ ...fields, members: z.record(z.string(), z.number().int()).openapi({ description: 'Its members here, counted by state' }), at_least: atLeast })
  .openapi('OrganizationWithMembers');
const movedSchema = z
  .object({
    ...fields,
    members: z.number().int().openapi({ description: 'Members suspended by a halt; to be brought back by a resume' }),
    already: z.boolean().optional(),
  })
  .openapi('MovedOrganization');
const reachSchema = z.object({ members: z.number().int(), marks: z.number().int(), at_least: atLeast }).openapi('OrganizationReach');
const organizationQuery = pageQuery.extend({ q: z.string().min(1).max(200).optional().openapi({ description: 'Part of the legal name' }) });
const body = z.strictObject({ reason }).openapi('OrganizationMove');
const haltBody = z.strictObject({ reason, public_reason: publicReason }).openapi('OrganizationHalt');

const present = (row: OrganizationRow): z.infer<typeof organizationSchema> => ({
  id: row.id,
  legal_name: row.legalName,
  registration_number: row.registrationNumber,
  jurisdiction: row.jurisdiction,
  state: row.state,
  state_reason: row.stateReason,
  created_at: row.createdAt,
  updated_at: row.updatedAt,
});
const presentMoved = ({ organization, members, already }: MovedOrganization): z.infer<typeof movedSchema> => ({
  ...present(organization),
  members,
  ...(already && { already: true }),
});

const legalName = z.string().trim().min(1).max(300);
export const registrationNumber = z.string().trim().min(1).max(64);
export const jurisdiction = z.string().trim().min(2).max(6);
const newOrganization = z
  .strictObject({ legal_name: legalName, registration_number: registrationNumber.optional(), jurisdiction: jurisdiction.optional() })
  .openapi('NewOrganization');
const organizationChange = z
  .strictObject({
    legal_name: legalName.optional(),
    registration_number: registrationNumber.nullable().optional(),
    jurisdiction: jurisdiction.nullable().optional(),
  })
  .openapi('OrganizationChange');

/** The legal bodies behind members: look at them, cut one off, take it back. */
export function organizationEndpoints(app: AdminApp): void {
  const tag = 'Organizations';
  const base = '/authorities/{slug}/organizations';
  endpoint(
    app,
    { method: 'get', path: base, tag, summary: 'Search organizations', query: organizationQuery, response: pageOf(organizationSchema) },
    async (c) => {
      const found = await listOrganizations(c.var.call, param(c, 'slug'), validQuery<z.infer<typeof organizationQuery>>(c));
      return c.json({ items: found.items.map(present), next_cursor: found.next });
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: base,
      tag,
      summary: 'Make an organization before its first member',
      body: newOrganization,
      response: organizationSchema,
      status: 201,
    },
    (c) => {
      const body = validJson<z.infer<typeof newOrganization>>(c);
      return write(c, 201, present, (call) =>
        createOrganization(call, param(c, 'slug'), body.legal_name, { registrationNumber: body.registration_number, jurisdiction: body.jurisdiction }),
      );
    },
  );
  endpoint(
    app,
    {
      method: 'patch',
      path: `${base}/{organization}`,
      tag,
      summary: 'Give an organization another legal name, or say where it is registered',
      description: 'By number and jurisdiction it is the same legal body under every authority of the deployment, and is halted everywhere in one act.',
      body: organizationChange,
      response: organizationSchema,
    },
    (c) => {
      const body = validJson<z.infer<typeof organizationChange>>(c);
      return write(c, 200, present, (call) =>
        changeOrganization(call, param(c, 'slug'), param(c, 'organization'), {
          legalName: body.legal_name,
          registrationNumber: body.registration_number,
          jurisdiction: body.jurisdiction,
        }),
      );
    },
  );
  endpoint(
    app,
    { method: 'get', path: `${base}/{organization}`, tag, summary: 'One organization, with its members counted by state', response: countedSchema },
    async (c) => {
      const row = await getOrganization(c.var.call, param(c, 'slug'), param(c, 'organization'));
      return c.json({ ...present(row), members: row.members, at_least: row.atLeast });
    },
  );
  endpoint(
    app,
    { method: 'get', path: `${base}/{organization}/reach`, tag, summary: 'What a halt would reach, counted; changes nothing', response: reachSchema },
    async (c) => {
      const { atLeast: more, ...counts } = await organizationReach(c.var.call, param(c, 'slug'), param(c, 'organization'));
      return c.json({ ...counts, at_least: more });
    },
  );
  const verb = { method: 'post', tag, response: movedSchema } as const;
  endpoint(
    app,
    { ...verb, path: `${base}/{organization}/halt`, summary: 'Suspend all active members of an organization at once, in one commit', body: haltBody },
    (c) => {
      const { reason: why, public_reason: told } = validJson<z.infer<typeof haltBody>>(c);
      return write(c, 200, presentMoved, (call) => haltOrganization(call, param(c, 'slug'), param(c, 'organization'), why, told));
    },
  );
  endpoint(
    app,
    {
      ...verb,
      path: `${base}/{organization}/resume`,
      summary: 'Bring an organization back, with the members that its halt suspended',
      body,
      waits: true,
    },
    (c) =>
      write(c, 200, presentMoved, (call) => resumeOrganization(call, param(c, 'slug'), param(c, 'organization'), validJson<z.infer<typeof body>>(c).reason)),
  );
}
