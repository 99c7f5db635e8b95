import { applyAndVet, makeAgent, startRegistries } from './enrolling.node.js';
import type { Narrator } from './narrator.js';
import type { Stage } from './stage.node.js';

/** The whole story, in its order. */
export async function story(tell: Narrator, stage: Stage): Promise<void> {
  const registries = await startRegistries(tell, stage);
  const enrolled = await applyAndVet(tell, stage, registries);
  await makeAgent(tell, stage, registries, enrolled, 'invoices-7');
}
