import { z } from '@hono/zod-openapi';
import { limitsOf, MOST_AGENTS } from '../operations/agents/agent-limits.js';
import { changeAgentLimits } from '../operations/agents/change-agent-limits.js';
import { createAgentAuthority } from '../operations/agents/create-agent-authority.js';
import { type AgentAuthority, listAgentAuthorities, showAgentAuthority } from '../operations/agents/find-agent-authority.js';
import { AUTHORITY_STATES, MEMBER_STATES } from '../store/schema.js';
import { type AdminApp, param, validJson } from './context.js';
import { endpoint } from './endpoint.js';
import { bundleNames, entitled, entitlementList, pageOf, presentEntitlements, seconds, shownEntitlements } from './wire.js';
import { write } from './write.js';

const count = z.number().int().min(0).max(MOST_AGENTS);
const limitFields = {
  max_agents: count.optional().openapi({ description: 'How many live at once; 100 where nothing is said' }),
  max_per_day: count.optional().openapi({ description: 'How many are made within a day; 100 where nothing is said' }),
  max_life: z.number().int().positive().optional().openapi({ description: 'Seconds that one is made or renewed for at most; 30 days where nothing is said' }),
};
const newAgentAuthority = z
  .strictObject({
    member: z.string().min(1).max(2048).openapi({ description: 'Whose agents: our id or the entity identifier of a member in force' }),
    slug: z.string().min(1).max(40).openapi({ description: 'Of the new authority; its identifier is the path of that name below this one' }),
    ...limitFields,
    entitlements: entitlementList.optional(),
    scopes: z.array(z.string()).max(10_000).optional().openapi({ description: 'Scopes that agents may have at most, beside `entitlements`' }),
    bundles: bundleNames.optional(),
    organization_name: z.string().trim().min(1).max(300).optional().openapi({ description: 'For people; the name of the organization where nothing is said' }),
    statement_lifetime: z
      .number()
      .int()
      .positive()
      .optional()
      .openapi({ description: 'Of statements about agents, in seconds; an hour where nothing is said' }),
    valid_until: seconds.optional(),
  })
  .openapi('NewAgentAuthority', { example: { member: 'https://rp.example.org', slug: 'example-agents', max_agents: 200, scopes: ['tools:read'] } });
const limitsBody = z
  .strictObject({
    ...limitFields,
    member: z.string().min(1).max(2048).optional().openapi({ description: 'Another member of the same organization makes and retires the agents' }),
    v: z.number().int().optional(),
  })
  .openapi('AgentLimitsChange', { example: { max_agents: 50 } });

const agentAuthoritySchema = z
  .object({
    slug: z.string(),
    entity_id: z.string(),
    state: z.enum(AUTHORITY_STATES),
    below: z.string().openapi({ description: 'The authority above' }),
    member: z.string().nullable().openapi({ description: 'The member that makes and retires agents' }),
    membership: z.enum(MEMBER_STATES).nullable().openapi({ description: 'Its own state as a member above' }),
    stands: z.boolean().openapi({ description: 'It is served, and its agents are: it, its membership, the member and the authority above are in force' }),
    agents: z.number().int().openapi({ description: 'How many live' }),
    made_within_a_day: z.number().int(),
    max_agents: z.number().int(),
    max_per_day: z.number().int(),
    max_life: z.number().int(),
    entitlements: shownEntitlements.nullable().openapi({ description: 'What agents may ask for at most, beside the bundles; null: nothing else limits it' }),
    bundles: z.array(z.string()),
    v: z.number().int(),
  })
  .openapi('AgentAuthority');

const present = ({ row, superior, membership, holder, stands, living, made }: AgentAuthority): z.infer<typeof agentAuthoritySchema> => {
  const { living: most, perDay, life } = limitsOf(row);
  return {
    slug: row.slug,
    entity_id: row.entityId,
    state: row.state,
    below: superior,
    member: holder?.entityId ?? null,
    membership: membership?.state ?? null,
    stands,
    agents: living,
    made_within_a_day: made,
    max_agents: most,
    max_per_day: perDay,
    max_life: life,
    entitlements: membership ? presentEntitlements(membership.entitlements) : null,
    bundles: [...(membership?.bundles ?? [])],
    v: row.v,
  };
};
type Limits = Pick<z.infer<typeof limitsBody>, 'max_agents' | 'max_per_day' | 'max_life'>;
const limitsIn = ({ max_agents: living, max_per_day: perDay, max_life: life }: Limits) => ({
  ...(living !== undefined && { living }),
  ...(perDay !== undefined && { perDay }),
  ...(life !== undefined && { life }),
});

/** Authorities in which members make and retire their own agents. */
export function agentAuthorityEndpoints(app: AdminApp): void {
  const tag = 'Agents';
  const base = '/authorities/{slug}/agent-authorities';
  endpoint(
    app,
    { method: 'get', path: base, tag, summary: 'Authorities for agents below one, with how many live in each', response: pageOf(agentAuthoritySchema) },
    async (c) => c.json({ items: (await listAgentAuthorities(c.var.call, param(c, 'slug'))).map(present), next_cursor: null }),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: base,
      tag,
      summary: 'Give a member an authority of its own below this one, for its agents',
      description:
        'One commit: the authority, its membership here with its constraints and what its agents may ask for at most, and how many there may be. From then on the member makes and retires them itself (/join/v1/agents). With quorum 2 the membership waits in vetting for two persons. Undone by retiring the authority.',
      body: newAgentAuthority,
      response: agentAuthoritySchema,
      status: 201,
    },
    (c) => {
      const body = validJson<z.infer<typeof newAgentAuthority>>(c);
      const { entitlements, bundles } = entitled(body);
      return write(c, 201, present, (call) =>
        createAgentAuthority(call, param(c, 'slug'), {
          member: body.member,
          slug: body.slug,
          limits: limitsIn(body),
          entitlements: entitlements ?? undefined,
          bundles,
          organizationName: body.organization_name,
          statementLifetime: body.statement_lifetime,
          validUntil: body.valid_until,
        }),
      );
    },
  );
  const one = '/authorities/{slug}/agent-limits';
  endpoint(
    app,
    { method: 'get', path: one, tag, summary: 'An authority for agents: whose, how many there may be, and whether it stands', response: agentAuthoritySchema },
    async (c) => c.json(present(await showAgentAuthority(c.var.call, param(c, 'slug')))),
  );
  endpoint(
    app,
    {
      method: 'patch',
      path: one,
      tag,
      summary: 'Change how many agents there may be, for how long, or which member makes them',
      description: 'Less takes one person; more, or another member, takes the quorum of the authority above. Agents that live already live on to their end.',
      body: limitsBody,
      response: agentAuthoritySchema,
      waits: true,
    },
    (c) => {
      const body = validJson<z.infer<typeof limitsBody>>(c);
      return write(c, 200, present, (call) => changeAgentLimits(call, param(c, 'slug'), { limits: limitsIn(body), member: body.member, version: body.v }));
    },
  );
}
