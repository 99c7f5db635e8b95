import { startAgents } from './agents.node.js';
import { type Chosen, chooseService } from './chatbot.node.js';
import type { Said } from './child.node.js';
import { type DoorUsed, tryAsStranger, useAgain, useDoors } from './doors.node.js';
import { applyAndVet, type Documented, makeAgent, startRegistries } from './enrolling.node.js';
import { type Halted, haltAgent } from './halting.node.js';
import { type Narrator, took } from './narrator.js';
import { type Freshness, type Services, startServices } from './services.node.js';
import type { Stage } from './stage.node.js';
import { actForUser, type ForUser } from './user.node.js';
import { keepChain, showTrail, type Trail } from './trail.node.js';

/** What came of it, as data. */
export interface Told {
  readonly services: Services;
  readonly agent: Documented;
  readonly used: readonly DoorUsed[];
  readonly again: Said;
  readonly strangers: readonly Said[];
  readonly halted: Halted;
  readonly user: ForUser;
  readonly chosen: Chosen;
  readonly trail: Trail;
}

/** Fresh enough to be told in a minute: services ask every few seconds, as they would every 15. */
export const FRESH: Freshness = { federation: '5', resource: '5', document: 10 };

const CAST = [
  'An agent of Acme AB wants to read invoices at the MCP server of Ledger Ltd. Nobody there has heard of it.',
  '',
  '  Consortium (trust anchor)',
  '    ├─ Operator ─┬─ Acme AB ── its agents',
  '    │            └─ Gate Inc: authorization server that knows the federation',
  '    └─ Ledger Ltd: MCP server',
  '  Harbor Ltd: authorization server that knows no federation (oidc-provider)',
  '',
  'Each is a process of its own, on this machine alone. Ctrl-C ends all of them.',
];

/** The whole story, in its order. */
export async function story(tell: Narrator, stage: Stage, fresh: Freshness = FRESH): Promise<Told> {
  const began = performance.now();
  for (const line of CAST) tell.say(line);
  const registries = await startRegistries(tell, stage);
  const services = await startServices(tell, stage, registries, fresh);
  const enrolled = await applyAndVet(tell, stage, registries, services.resource);
  const agent = await makeAgent(tell, stage, registries, enrolled, services.resource, 'invoices-7');
  const kept = await keepChain(registries, agent);
  const processes = await startAgents(stage, registries, services, agent);
  const used = await useDoors(tell, services, processes);
  const again = await useAgain(tell, processes);
  const strangers = await tryAsStranger(tell, processes);
  const halted = await haltAgent(tell, registries, services, processes, agent, fresh);
  const user = await actForUser(tell, stage, registries, services);
  const chatbot = await makeAgent(tell, stage, registries, enrolled, services.resource, 'chatbot-1');
  const chosen = await chooseService(tell, stage, registries, services, chatbot);
  const trail = await showTrail(tell, stage, registries, services, { acme: enrolled.acme, agent, used, halted, kept });
  const slowest = Math.max(...halted.doors.flatMap(({ call, token }) => [call.ms, token.ms]));
  tell.say('');
  tell.say(
    `Done in ${took(performance.now() - began)}: ${stage.children.length} processes. An agent that nobody typed in was let in by three doors, did what it was vetted for, and was out ${took(slowest)} after the halt at the last of them.`,
  );
  return { services, agent, used, again, strangers, halted, user, chosen, trail };
}
