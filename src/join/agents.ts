import type { z } from '@hono/zod-openapi';
import { type Agent, createAgent } from '../operations/agents/create-agent.js';
import { findAgent, listAgents, renewAgent, retireAgent } from '../operations/agents/keep-agents.js';
import { type Keeper, keeperOf } from '../operations/agents/keeper.js';
import type { Moved } from '../operations/members/move-member.js';
import {
  agentSchema,
  agentsQuery,
  agentsSchema,
  newAgentBody,
  newAgentOf,
  presentAgent,
  presentAgents,
  renewalBody,
  retiredSchema,
  retirementBody,
} from './agents-wire.js';
import { type JoinApp, type JoinContext, memberOf, param, validJson } from './context.js';
import { endpoint } from './endpoint.js';
import { once } from './once.js';

const answer = (c: JoinContext, body: object): Response => c.json(body, 200, { 'cache-control': 'no-store' });
const kept = async <T>(c: JoinContext): Promise<Keeper<T>> => keeperOf<T>(c.var.deployment, (await memberOf(c)).member);

/** Agents that a member makes and retires itself, in an authority of its own. */
export function agentEndpoints(app: JoinApp): void {
  const tag = 'Agents';
  const one = '/agents/{agent}';
  endpoint(
    app,
    {
      method: 'post',
      path: '/agents',
      tag,
      operationId: 'createAgent',
      summary: 'Make an agent',
      description:
        'In force at once, and until its end. What it may ask for is at most what the authority above says of yours. Its federation key stays with it: it signs its own configuration, which is served here.',
      body: newAgentBody,
      response: agentSchema,
      status: 201,
      secret: 'member',
      repeatable: true,
    },
    async (c) => {
      const keeper = await kept<Agent>(c);
      const asked = newAgentOf(validJson<z.infer<typeof newAgentBody>>(c));
      return once(
        c,
        keeper.call,
        201,
        (made) => presentAgent(made, c.var.deployment.now()),
        (call) => createAgent({ ...keeper, call }, asked),
      );
    },
  );
  endpoint(
    app,
    {
      method: 'get',
      path: '/agents',
      tag,
      operationId: 'listAgents',
      summary: 'Your agents, and how many there may be',
      description: 'Those that have ended too, by identifier.',
      query: agentsQuery,
      response: agentsSchema,
      secret: 'member',
    },
    async (c) =>
      answer(c, presentAgents(await listAgents(await kept(c), c.req.valid('query' as never) as z.infer<typeof agentsQuery>), c.var.deployment.now())),
  );
  endpoint(
    app,
    {
      method: 'get',
      path: one,
      tag,
      operationId: 'showAgent',
      summary: 'One of your agents',
      description: 'Changes nothing.',
      response: agentSchema,
      secret: 'member',
    },
    async (c) => answer(c, presentAgent(await findAgent(await kept(c), param(c, 'agent')), c.var.deployment.now())),
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${one}/renew`,
      tag,
      operationId: 'renewAgent',
      summary: 'Say that an agent is still needed',
      description:
        'Before it ends: it lives on from now for as long as a new one would at most. With a configuration for that time, where the served one ends before.',
      body: renewalBody,
      response: agentSchema,
      secret: 'member',
    },
    async (c) => {
      const { life, entity_configuration: entityConfiguration } = validJson<z.infer<typeof renewalBody>>(c);
      return answer(c, presentAgent(await renewAgent(await kept(c), param(c, 'agent'), { life, entityConfiguration }), c.var.deployment.now()));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${one}/retire`,
      tag,
      operationId: 'retireAgent',
      summary: 'End an agent',
      description: 'Nothing of it is served from then on. Its name and its keys are given to nobody again.',
      body: retirementBody,
      response: retiredSchema,
      secret: 'member',
    },
    async (c) => {
      const keeper = await kept<Moved>(c);
      const { reason } = validJson<z.infer<typeof retirementBody>>(c);
      const { member: row, already } = await retireAgent(keeper, param(c, 'agent'), reason);
      return answer(c, { ...presentAgent({ row, authority: keeper.authority }, c.var.deployment.now()), ...(already && { already: true }) });
    },
  );
}
