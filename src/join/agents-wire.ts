import { z } from '@hono/zod-openapi';
import { type Entitlement, limits } from '../federation/entry.js';
import { limitsOf } from '../operations/agents/agent-limits.js';
import { agentClientId, agentNameOf } from '../operations/agents/agent-name.js';
import type { Agent, NewAgent } from '../operations/agents/create-agent.js';
import type { KeptAgents } from '../operations/agents/keep-agents.js';
import { entitlement, line } from './wire.js';

/** Of agents on the wire of /join/v1. Times in seconds since the epoch, lives in seconds. */
const seconds = z.number().int();
const life = z
  .number()
  .int()
  .positive()
  .max(1e9)
  .optional()
  .openapi({ description: 'Seconds from now; left out: as long as agents here live at most. It ends with its configuration in any case' });
const configuration = z
  .string()
  .min(1)
  .max(limits.MAX_STATEMENT_BYTES)
  .openapi({ description: 'The Entity Configuration that the agent signed (a JWT): its keys and types stand in it, and it is served as it is' });

export const newAgentBody = z
  .strictObject({
    name: z.string().min(1).max(63).openapi({ description: 'a-z, 0-9 and -: its identifier is <authority>/agents/<name>. A name is given once' }),
    entity_configuration: configuration,
    scopes: z.array(line(256)).max(200).optional().openapi({ description: 'Scopes it may ask for, of those that agents here may have' }),
    entitlements: z.array(entitlement).max(200).optional(),
    life,
    sponsor: z
      .strictObject({
        name: line(200),
        email: z
          .string()
          .trim()
          .max(254)
          .regex(/^[^\s@<>]+@[^\s@<>]+$/, 'an e-mail address, such as ada@example.org'),
      })
      .optional()
      .openapi({ description: 'Who answers for it: a person, whom nothing that is published names' }),
  })
  .openapi('NewAgent', { example: { name: 'invoices-7', entity_configuration: 'eyJ…', scopes: ['tools:read'], life: 86_400 } });
export const renewalBody = z.strictObject({ life, entity_configuration: configuration.optional() }).openapi('AgentRenewal', { example: { life: 86_400 } });
export const retirementBody = z.strictObject({ reason: line(500).optional() }).openapi('AgentRetirement', { example: { reason: 'the work is done' } });
export const agentsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z.string().max(limits.MAX_ENTITY_ID_LENGTH).optional(),
});

export const AGENT_STATES = ['active', 'suspended', 'ended', 'retired'] as const;
const agent = {
  id: z.string(),
  name: z.string(),
  entity_id: z.string(),
  client_id: z
    .string()
    .nullable()
    .openapi({ description: 'Where its client id metadata document is served: what it calls itself at servers that know no federation' }),
  state: z.enum(AGENT_STATES),
  entity_types: z.array(z.string()),
  scopes: z.array(z.string()),
  ends_at: seconds.nullable(),
  created_at: seconds,
};
export const agentSchema = z.object(agent).openapi('Agent');
export const retiredSchema = z.object({ ...agent, already: z.boolean().optional() }).openapi('RetiredAgent');
export const agentsSchema = z
  .object({
    items: z.array(agentSchema),
    next_cursor: z.string().nullable(),
    authority: z.string().openapi({ description: 'The Entity Identifier of the authority for your agents: what each names in authority_hints' }),
    stands: z.boolean().openapi({ description: 'It is in force, and so are your agents' }),
    agents: z.number().int().openapi({ description: 'How many live' }),
    max_agents: z.number().int(),
    made_within_a_day: z.number().int(),
    max_per_day: z.number().int(),
    max_life: seconds,
  })
  .openapi('Agents');

export const newAgentOf = ({
  name,
  entity_configuration: entityConfiguration,
  scopes,
  entitlements,
  life: asked,
  sponsor,
}: z.infer<typeof newAgentBody>): NewAgent => ({
  name,
  entityConfiguration,
  entitlements:
    scopes || entitlements ? ([...(entitlements ?? []), ...(scopes ?? []).map((value) => ({ kind: 'scope', value }))] as readonly Entitlement[]) : undefined,
  life: asked,
  sponsor,
});

function stateOf({ state, validUntil, updatedAt }: Agent['row'], now: number): (typeof AGENT_STATES)[number] {
  if (state === 'active') return validUntil !== null && validUntil <= now ? 'ended' : 'active';
  if (state === 'suspended') return 'suspended';
  return validUntil !== null && updatedAt >= validUntil ? 'ended' : 'retired';
}

export const presentAgent = ({ row, authority }: Agent, now: number): z.infer<typeof agentSchema> => ({
  id: row.id,
  name: agentNameOf(authority, row.entityId),
  entity_id: row.entityId,
  client_id: agentClientId(authority, row),
  state: stateOf(row, now),
  entity_types: [...row.entityTypes],
  scopes: (row.entitlements ?? []).flatMap(({ kind, value }) => (kind === 'scope' ? [value] : [])),
  ends_at: row.validUntil,
  created_at: row.createdAt,
});

export const presentAgents = ({ page, authority, stands, living, made }: KeptAgents, now: number): z.infer<typeof agentsSchema> => {
  const most = limitsOf(authority);
  return {
    items: page.items.map((one) => presentAgent(one, now)),
    next_cursor: page.next,
    authority: authority.entityId,
    stands,
    agents: living,
    max_agents: most.living,
    made_within_a_day: made,
    max_per_day: most.perDay,
    max_life: most.life,
  };
};
