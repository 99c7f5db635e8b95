import { type AgentProcess, type Door, startAgents } from './agents.node.js';
import { type DoorUsed, useDoors } from './doors.node.js';
import { applyAndVet, type Documented, makeAgent, startRegistries } from './enrolling.node.js';
import { type Halted, haltAgent } from './halting.node.js';
import type { Narrator } from './narrator.js';
import { type Freshness, startServices } from './services.node.js';
import type { Stage } from './stage.node.js';

/** What came of it, as data. */
export interface Told {
  readonly agent: Documented;
  readonly used: readonly DoorUsed[];
  readonly halted: Halted;
}

/** Fresh enough to be told in a minute: services ask every few seconds, as they would every 15. */
export const FRESH: Freshness = { federation: '5', resource: '5', document: 10 };

/** The whole story, in its order. */
export async function story(tell: Narrator, stage: Stage, fresh: Freshness = FRESH): Promise<Told> {
  const registries = await startRegistries(tell, stage);
  const services = await startServices(tell, stage, registries, fresh);
  const enrolled = await applyAndVet(tell, stage, registries, services.resource);
  const agent = await makeAgent(tell, stage, registries, enrolled, services.resource, 'invoices-7');
  const processes: Readonly<Record<Door, AgentProcess>> = await startAgents(stage, registries, services, agent);
  const used = await useDoors(tell, services, processes);
  const halted = await haltAgent(tell, registries, services, processes, agent, fresh);
  return { agent, used, halted };
}
