import { z } from '@hono/zod-openapi';
import { setQuorum } from '../operations/authorities/set-quorum.js';
import { addPerson, endPerson, listPeople, type PersonRow, showPerson, type WithRoles } from '../operations/people/people.js';
import { endRole, type GrantedRole, grantRole } from '../operations/people/roles.js';
import { PERSON_STATES, ROLES } from '../store/schema.js';
import { type AdminApp, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { authoritySchema, pageOf, pageQuery, presentAuthority, reason, seconds } from './wire.js';
import { write } from './write.js';

const newPerson = z
  .strictObject({ name: z.string().trim().min(1).max(200), email: z.email().max(254).optional() })
  .openapi('NewPerson', { description: 'Name and address stand in the record only, never in an event' });
const newRole = z
  .strictObject({
    role: z.enum(ROLES),
    authority: z.string().max(40).nullable().default(null).openapi({ description: 'Slug; null: all authorities, and the deployment itself' }),
    expires_at: seconds.nullable().optional(),
  })
  .openapi('NewRoleGrant');
const roleSchema = z
  .object({
    id: z.string(),
    role: z.enum(ROLES),
    authority: z.string().nullable(),
    granted_by: z.string(),
    second_by: z.string().nullable().openapi({ description: 'The second of the two persons that it took' }),
    granted_at: seconds,
    expires_at: seconds.nullable(),
    ended_at: seconds.nullable(),
  })
  .openapi('RoleGrant');
const personSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    email: z.string().nullable(),
    state: z.enum(PERSON_STATES),
    created_at: seconds,
    ended_at: seconds.nullable(),
    v: z.number().int(),
    roles: z.array(roleSchema).optional(),
  })
  .openapi('Person');
const ending = z.strictObject({ reason }).openapi('PersonEnd');
const roleEnding = z.strictObject({ reason: reason.optional() }).openapi('RoleEnd');
const quorumBody = z.strictObject({ quorum: z.union([z.literal(1), z.literal(2)]) }).openapi('Quorum');

const presentRole = (row: GrantedRole): z.infer<typeof roleSchema> => ({
  id: row.id,
  role: row.role,
  authority: row.slug,
  granted_by: row.grantedBy,
  second_by: row.secondBy,
  granted_at: row.grantedAt,
  expires_at: row.expiresAt,
  ended_at: row.endedAt,
});
const presentPerson = (row: PersonRow): z.infer<typeof personSchema> => ({
  id: row.id,
  name: row.name,
  email: row.email,
  state: row.state,
  created_at: row.createdAt,
  ended_at: row.endedAt,
  v: row.v,
});
const presentWhole = (row: WithRoles): z.infer<typeof personSchema> => ({ ...presentPerson(row), roles: row.roles.map(presentRole) });

/** Who decides here, with which roles, and how many of them it takes. */
export function peopleEndpoints(app: AdminApp): void {
  const tag = 'People';
  endpoint(
    app,
    { method: 'get', path: '/people', tag, summary: 'All persons, ended ones included', query: pageQuery, response: pageOf(personSchema) },
    async (c) => {
      const found = await listPeople(c.var.call, validQuery<z.infer<typeof pageQuery>>(c));
      return c.json({ items: found.items.map(presentPerson), next_cursor: found.next });
    },
  );
  endpoint(
    app,
    { method: 'post', path: '/people', tag, summary: 'Add a person, who may nothing yet', body: newPerson, response: personSchema, status: 201 },
    (c) => write(c, 201, presentWhole, (call) => addPerson(call, validJson<z.infer<typeof newPerson>>(c))),
  );
  endpoint(app, { method: 'get', path: '/people/{id}', tag, summary: 'One person, with every role that was ever granted', response: personSchema }, async (c) =>
    c.json(presentWhole(await showPerson(c.var.call, param(c, 'id')))),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: '/people/{id}/end',
      tag,
      summary: 'End a person: all keys and roles at once, and what runs under them',
      body: ending,
      response: personSchema,
    },
    (c) => write(c, 200, presentWhole, (call) => endPerson(call, param(c, 'id'), validJson<z.infer<typeof ending>>(c).reason)),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: '/people/{id}/roles',
      tag,
      summary: 'Give a person a role, for one authority or for all',
      description: 'With quorum 2 an owner or an approver takes two persons, neither of them who gets it: the first is answered 202.',
      body: newRole,
      response: roleSchema,
      status: 201,
      waits: true,
    },
    (c) => {
      const { role, authority, expires_at: expiresAt } = validJson<z.infer<typeof newRole>>(c);
      return write(c, 201, presentRole, (call) => grantRole(call, param(c, 'id'), { role, authority, expiresAt }));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: '/people/{id}/roles/{grant}/end',
      tag,
      summary: 'Take a role away at once; it takes one person',
      body: roleEnding,
      bodyOptional: true,
      response: roleSchema,
    },
    (c) => write(c, 200, presentRole, (call) => endRole(call, param(c, 'id'), param(c, 'grant'), validJson<z.infer<typeof roleEnding>>(c).reason)),
  );
  endpoint(
    app,
    {
      method: 'put',
      path: '/authorities/{slug}/quorum',
      tag: 'Authorities',
      summary: 'How many persons it takes to widen trust: 1 or 2',
      description: 'Raising it is one act. Lowering it takes two persons: the first is answered 202.',
      body: quorumBody,
      response: authoritySchema,
      waits: true,
    },
    (c) => write(c, 200, presentAuthority, (call) => setQuorum(call, param(c, 'slug'), validJson<z.infer<typeof quorumBody>>(c).quorum)),
  );
}
